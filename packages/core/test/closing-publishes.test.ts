import { defineEvent, type Middleware } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deferred, rejects } from './support/assertions.js'
import { testBus } from './support/bus.js'
import { text } from './support/deliveries.js'

const test = suite('closing while publishes are under way')
const Thing = defineEvent<number>('thing')

test('what waits for its topic is sent before the transport is released', async () => {
  const gate = deferred()
  const broker = memoryBroker({ partitions: 1 })
  const transport = memoryTransport({ broker })
  const ensureTopics = transport.ensureTopics.bind(transport)
  transport.ensureTopics = async topics => {
    await gate.promise
    await ensureTopics(topics)
  }
  const { bus } = testBus({ transport })
  await deadline(5_000, 'close', async () => {
    await bus.start()
    const published = [bus.publish(Thing, 1), bus.publishBatch(Thing, [2, 3]), bus.publish(Thing, 4)]
    const closed = bus.close()
    gate.resolve()
    await Promise.all([...published, closed])
    assert.equal(
      broker.records('thing').map(record => text(record.value)),
      ['1', '2', '3', '4'],
    )
  })
})

test('what is with a middleware is sent before the transport is released', async () => {
  const gate = deferred()
  const slow: Middleware = {
    name: 'slow',
    publish: async (_, next) => {
      await gate.promise
      await next()
    },
  }
  const { bus, broker } = testBus()
  bus.use(slow)
  await deadline(5_000, 'close', async () => {
    await bus.start()
    broker.createTopic('thing')
    const published = bus.publish(Thing, 1)
    const closed = bus.close()
    gate.resolve()
    await Promise.all([published, closed])
    assert.equal(broker.records('thing').length, 1)
  })
})

test('what never gets on is waited for until the deadline, no longer', async () => {
  const transport = memoryTransport({ broker: memoryBroker({ partitions: 1 }) })
  const never: Middleware = { name: 'never', publish: () => new Promise(() => {}) }
  const { bus } = testBus({ transport })
  bus.use(never)
  await deadline(5_000, 'close', async () => {
    await bus.start()
    void bus.publish(Thing, 1)
    await bus.close({ timeoutMs: 20 })
    await rejects(bus.publish(Thing, 2), 'BUS_CLOSED')
  })
})

test.run()
