import assert from 'node:assert/strict'
import type { ConformanceCase } from '../conformance-case.js'
import { itemsOf, Seen } from '../items.js'
import { Gate, pause } from '../waiting.js'

/** Handlers and connections that are in the middle of something when they are told to end. */
export const drainingCases: readonly ConformanceCase[] = [
  {
    name: 'a handler that never settles: others go on, close hands it back, the next member gets it',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 1 })
      const group = world.name('group')
      const { bus, transport } = world.service()
      const seen = new Seen()
      const signals: AbortSignal[] = []
      bus.subscribe(event, { group }, (item, { signal }) => {
        if (item.n !== 0) return seen.add(item)
        signals.push(signal)
        return new Promise(() => {})
      })
      await world.within('starting', bus.start())
      const items = itemsOf(40, 8)
      await world.within('publishing', bus.publishBatch(event, items))
      const others = items.filter(({ key }) => key !== 'key-0')
      await world.until(
        'the other keys went on',
        () => seen.hasAll(others),
        () => seen.missingOf(others),
      )
      assert.equal(await world.committed(transport, group, { topic: event.topic.name, partition: 0 }), 0)
      await world.within('closing, whose deadline is 100 ms', bus.close({ timeoutMs: 100 }), 3_000)
      assert.deepEqual(
        signals.map(signal => signal.aborted),
        [true],
        'the context of a handler that was left did not abort',
      )
      const heir = world.service()
      const attempts: number[] = []
      heir.bus.subscribe(event, { group }, (item, { attempt }) => {
        if (item.n === 0) attempts.push(attempt)
        seen.add(item)
      })
      await world.within('starting', heir.bus.start())
      await world.until(
        'the next member got it',
        () => seen.hasAll(items),
        () => seen.missingOf(items),
      )
      assert.deepEqual(attempts, [1])
      await world.untilCaughtUp(heir.transport, group, event.topic.name)
    },
  },
  {
    name: 'close lets running handlers finish',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 1 })
      const group = world.name('group')
      const { bus } = world.service()
      const gate = new Gate()
      const running = new Gate()
      const seen = new Seen()
      bus.subscribe(event, { group }, async (item, { signal }) => {
        running.open()
        await gate.opened
        assert.equal(signal.aborted, false)
        seen.add(item)
      })
      await world.within('starting', bus.start())
      await world.within('publishing', bus.publish(event, { key: 'a', n: 0 }))
      await world.within('the handler runs', running.opened)
      const closing = bus.close()
      gate.open()
      await world.within('closing', closing)
      assert.equal(seen.items.length, 1)
      const { transport } = await world.transport()
      assert.equal(await world.committed(transport, group, { topic: event.topic.name, partition: 0 }), 1)
    },
  },
  {
    name: 'reconnect: nothing is lost when every connection is cut',
    requires: ['disconnect'],
    async run(world) {
      const event = world.event()
      const { bus, transport } = world.service()
      const seen = new Seen()
      bus.subscribe(event, seen.add)
      await world.within('starting', bus.start())
      const items = itemsOf(300, 30)
      const publishing: Promise<unknown>[] = []
      for (const [index, item] of items.entries()) {
        publishing.push(bus.publish(event, item))
        if (index % 100 === 50) await world.disconnect(transport)
        if (index % 10 === 0) await pause(1)
      }
      await world.within('publishing', Promise.all(publishing), 30_000)
      await world.until(
        'everything arrived',
        () => seen.hasAll(items),
        () => seen.missingOf(items),
      )
      await world.untilCaughtUp(transport, bus.name, event.topic.name)
    },
  },
]
