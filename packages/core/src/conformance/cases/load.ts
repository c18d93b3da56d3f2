import assert from 'node:assert/strict'
import { systemRuntime } from '../../runtime.js'
import type { ConformanceCase } from '../conformance-case.js'
import { itemsOf, Seen } from '../items.js'
import { PositionWatch } from '../position-watch.js'
import { pause } from '../waiting.js'

/** The promises of the bus under load. */
export const loadCases: readonly ConformanceCase[] = [
  {
    name: 'ten thousand records, random latencies: no loss, key order, no early commit',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 6 })
      const { bus, transport } = world.service({ consume: { concurrency: 200, maxInFlight: 500 } })
      const items = itemsOf(10_000, 250)
      const seen = new Seen()
      const running = new Set<string>()
      const problems: string[] = []
      const watch = new PositionWatch(transport, bus.name)
      let failures = 0
      bus.subscribe(event, async (item, { topic, partition, offset, attempt }) => {
        if (running.has(item.key)) problems.push(`${item.key} had two handlers at a time`)
        running.add(item.key)
        await pause(systemRuntime.random() * 4)
        running.delete(item.key)
        if (attempt === 1 && systemRuntime.random() < 0.01) {
          failures += 1
          throw new Error('fails at times')
        }
        seen.add(item)
        watch.finished({ topic, partition, offset })
      })
      await world.within('starting', bus.start())
      await watch.during(async () => {
        for (let first = 0; first < items.length; first += 1_000) {
          await world.within('publishing', bus.publishBatch(event, items.slice(first, first + 1_000)))
        }
        await world.until(
          'everything arrived',
          () => seen.hasAll(items),
          () => seen.missingOf(items),
        )
        await world.untilCaughtUp(transport, bus.name, event.topic.name)
      })
      assert(failures > 0)
      assert.deepEqual(problems, [])
      seen.assertOnce(items, 'the handler')
      seen.assertKeyOrder('the handler')
    },
  },
  {
    name: 'one slow key of a partition holds up only itself',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 1 })
      const { bus, transport } = world.service({ consume: { concurrency: 12 } })
      const seen = new Seen()
      let slow = 0
      let slowWhenOthersEnded = -1
      const items = itemsOf(600, 12)
      const others = items.filter(({ key }) => key !== 'key-0')
      bus.subscribe(event, async item => {
        if (item.key === 'key-0') {
          await pause(20)
          slow += 1
        }
        seen.add(item)
        if (slowWhenOthersEnded < 0 && seen.items.length - slow === others.length) slowWhenOthersEnded = slow
      })
      await world.within('starting', bus.start())
      await world.within('publishing', bus.publishBatch(event, items))
      await world.until(
        'everything arrived',
        () => seen.hasAll(items),
        () => seen.missingOf(items),
      )
      await world.untilCaughtUp(transport, bus.name, event.topic.name)
      seen.assertOnce(items, 'the handler')
      seen.assertKeyOrder('the handler')
      assert(slowWhenOthersEnded < 25, `the other keys waited for ${slowWhenOthersEnded} of the 50 slow ones`)
    },
  },
]
