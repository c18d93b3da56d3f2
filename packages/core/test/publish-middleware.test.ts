import { BusbarError, defineEvent, type Middleware } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { type MemoryBroker, memoryBroker } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from './support/assertions.js'
import { testBus } from './support/bus.js'
import { text } from './support/deliveries.js'
import { settle } from './support/fake-runtime.js'

const test = suite('publish middleware')
const Thing = defineEvent<number>('thing')
const stored = (broker: MemoryBroker, topic = 'thing') =>
  broker.records(topic).map(record => text(record.value))

const passing: Middleware = { name: 'passing', publish: (_, next) => next() }
const delaying: Middleware = {
  name: 'delaying',
  publish: async (context, next) => {
    // The earlier, the longer.
    await settle(10 - Number(context.payload))
    await next()
  },
}

for (const middleware of [[], [passing], [delaying]]) {
  const name = middleware[0]?.name ?? 'no'
  test(`with ${name} middleware a batch keeps its order and says which records were refused`, async () => {
    const broker = memoryBroker({ partitions: 1, maxRecordBytes: 400 })
    const { bus } = testBus({ broker })
    bus.use(...middleware)
    const Text = defineEvent<string>('text', { key: () => 'one' })
    await deadline(5_000, 'publish', async () => {
      await bus.start()
      const receipts = await bus.publishBatch(Text, ['1', '2', '3'])
      assert.equal(
        receipts.map(receipt => receipt.offset),
        [0, 1, 2],
      )
      const big = '9'.repeat(400)
      const error = await rejects(bus.publishBatch(Text, ['4', big, '5']), 'PUBLISH_PARTIAL')
      assert.equal(
        error.failures.map(failure => [failure.index, failure.error.code]),
        [[1, 'RECORD_TOO_LARGE']],
      )
      assert.not.ok(error.retryable)
      assert.equal(stored(broker, 'text'), ['"1"', '"2"', '"3"', '"4"', '"5"'])
      await rejects(bus.publishBatch(Text, [big, big]), 'RECORD_TOO_LARGE')
      await bus.close()
    })
  })
}

test('publish middleware sees what is published, adds headers, and can refuse it', async () => {
  const { bus, broker } = testBus()
  const seen: unknown[] = []
  bus.use({
    name: 'audit',
    publish: async (context, next) => {
      seen.push([context.kind, context.event, context.topic, context.payload])
      context.headers['traceparent'] = '00-abc'
      if (context.payload === 13) throw new BusbarError('ABORTED', 'not thirteen')
      await next()
    },
  })
  await deadline(5_000, 'publish', async () => {
    await bus.start()
    await bus.publish(Thing, 1)
    assert.is(text(broker.records('thing')[0]?.headers['traceparent'] as Uint8Array), '00-abc')
    assert.equal(seen, [['event', 'thing', 'thing', 1]])
    await rejects(bus.publish(Thing, 13), 'ABORTED')
    const error = await rejects(bus.publishBatch(Thing, [2, 13]), 'PUBLISH_PARTIAL')
    assert.equal(
      error.failures.map(({ index }) => index),
      [1],
    )
    assert.equal(stored(broker), ['1', '2'])
    await bus.close()
  })
})

test('publish middleware that ends a publish without sending it fails it', async () => {
  const { bus, broker } = testBus()
  bus.use({ name: 'swallow', publish: () => {} })
  await deadline(5_000, 'publish', async () => {
    await bus.start()
    await rejects(bus.publish(Thing, 1), 'MIDDLEWARE_MISUSED')
    await rejects(bus.publishBatch(Thing, [1, 2]), 'PUBLISH_PARTIAL')
    assert.equal(stored(broker), [])
    await bus.close()
  })
})

test.run()
