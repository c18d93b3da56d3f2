import assert from 'node:assert/strict'
import type { ConformanceCase } from '../conformance-case.js'
import { itemsOf, Seen } from '../items.js'

/** Silverback's batches: many records a call, one outcome each. */
export const batchCases: readonly ConformanceCase[] = [
  {
    name: 'batches: of one partition, in order, of bounded size',
    requires: [],
    async run(world) {
      const event = world.event()
      const { bus, transport } = world.service()
      const seen = new Seen()
      const problems: string[] = []
      const running = new Set<number>()
      let largest = 0
      bus.subscribeBatch(event, { maxSize: 25, maxWaitMs: 20 }, async batch => {
        const partitions = new Set(batch.map(({ context }) => context.partition))
        const [partition = -1] = partitions
        if (partitions.size !== 1) problems.push('a batch held several partitions')
        if (running.has(partition)) problems.push('a partition had two batches at a time')
        running.add(partition)
        await Promise.resolve()
        largest = Math.max(largest, batch.length)
        for (const { payload } of batch) seen.add(payload)
        running.delete(partition)
      })
      await world.within('starting', bus.start())
      const items = itemsOf(300, 20)
      await world.within('publishing', bus.publishBatch(event, items))
      await world.until(
        'everything arrived',
        () => seen.hasAll(items),
        () => seen.missingOf(items),
      )
      await world.untilCaughtUp(transport, bus.name, event.topic.name)
      assert.deepEqual(problems, [])
      assert(largest > 1 && largest <= 25, `the largest batch had ${largest} records`)
      seen.assertOnce(items, 'the handler')
      seen.assertKeyOrder('the handler')
    },
  },
  {
    name: 'batches: a record that fails comes again alone',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 1 })
      const { bus, transport } = world.service()
      const done = new Seen()
      const failed: number[] = []
      bus.subscribeBatch(event, { maxSize: 10, maxWaitMs: 20 }, batch => {
        for (const item of batch) {
          if (item.payload.n % 10 === 3 && item.context.attempt < 3) {
            failed.push(item.payload.n)
            item.fail(new Error('not this time'))
          } else {
            done.add(item.payload)
          }
        }
      })
      await world.within('starting', bus.start())
      const items = itemsOf(50, 50)
      await world.within('publishing', bus.publishBatch(event, items))
      await world.until(
        'everything arrived',
        () => done.hasAll(items),
        () => done.missingOf(items),
      )
      await world.untilCaughtUp(transport, bus.name, event.topic.name)
      done.assertOnce(items, 'the handler')
      assert.deepEqual(
        [...failed].sort((a, b) => a - b),
        [3, 3, 13, 13, 23, 23, 33, 33, 43, 43],
      )
    },
  },
  {
    name: 'batches: a handler that throws gets again what it has not marked as done',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 1 })
      const { bus, transport } = world.service()
      const seen = new Seen()
      const items = itemsOf(10, 10)
      let threw = false
      bus.subscribeBatch(event, { maxSize: 10, maxWaitMs: 200 }, batch => {
        for (const item of batch) {
          if (!threw && item.payload.n >= 4) {
            threw = true
            throw new Error('in the middle')
          }
          seen.add(item.payload)
          item.done()
        }
      })
      await world.within('starting', bus.start())
      await world.within('publishing', bus.publishBatch(event, items))
      await world.until(
        'everything arrived',
        () => seen.hasAll(items),
        () => seen.missingOf(items),
      )
      await world.untilCaughtUp(transport, bus.name, event.topic.name)
      assert.equal(threw, true)
      seen.assertOnce(items, 'the handler')
    },
  },
]
