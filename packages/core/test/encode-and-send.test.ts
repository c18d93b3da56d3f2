import { BusbarError, type BusbarErrorCode, createBus, defineEvent, silentLogger } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'

const test = suite('bus.encode and bus.send')

const Order = defineEvent('order', {
  topic: { name: 'orders', partitions: 3 },
  schema: z.object({ id: z.string() }),
  key: order => order.id,
})

const newBus = (broker = memoryBroker()) =>
  createBus({ name: 'shop', transport: memoryTransport({ broker }), logger: silentLogger })

async function rejects(promise: Promise<unknown>, code: BusbarErrorCode): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.instance(error, BusbarError)
  assert.is((error as BusbarError).code, code)
}

test('what was encoded and sent later arrives as if it had been published, even from another bus', async () => {
  const broker = memoryBroker()
  const writer = newBus()
  const record = await writer.encode(Order, { id: '7' }, { id: 'event-7', headers: { tenant: 'north' } })
  const bus = newBus(broker)
  const got: unknown[] = []
  bus.subscribe(Order, (order, context) => {
    got.push([
      order,
      context.id,
      context.key,
      context.source,
      context.headers.get('tenant'),
      context.timestampMs,
    ])
  })
  await bus.start()
  const [position] = await bus.send([record])
  assert.is(position?.topic, 'orders')
  await eventually(() => assert.is(got.length, 1))
  assert.equal(got, [[{ id: '7' }, 'event-7', '7', 'shop', 'north', record.timestampMs]])
  await bus.close()
})

test('encoding runs the publish middleware, also one that is added afterwards, and sending runs none', async () => {
  const bus = newBus()
  await bus.encode(Order, { id: '1' })
  let runs = 0
  bus.use({
    name: 'stamp',
    publish: (context, next) => {
      runs++
      context.headers['stamp'] = 'x'
      return next()
    },
  })
  const record = await bus.encode(Order, { id: '1' })
  assert.is(record.headers['stamp'], 'x')
  await bus.start()
  await bus.send([record])
  assert.is(runs, 1)
  await bus.publish(Order, { id: '2' })
  assert.is(runs, 2)
  await bus.close()
})

test('encoding needs no start, validates, and minds a middleware that ends the publish', async () => {
  const bus = newBus()
  await rejects(bus.encode(Order, { id: 7 } as never), 'PAYLOAD_INVALID')
  await rejects(bus.encode(Order, { id: '7' }, { delayMs: 5 } as never), 'CONFIG_INVALID')
  await rejects(bus.encode({} as never, {}), 'EVENT_UNKNOWN')
  bus.use({ name: 'swallow', publish: () => {} })
  await rejects(bus.encode(Order, { id: '1' }), 'MIDDLEWARE_MISUSED')
  await bus.close()
})

test('sending waits for the start, creates topics as they were declared, and ends with the bus', async () => {
  const broker = memoryBroker()
  const bus = newBus(broker)
  const sending = bus.send([await bus.encode(Order, { id: '1' })])
  await bus.start()
  await deadline(1_000, 'the send', sending)
  assert.is(broker.topic('orders').logs.length, 3)
  assert.equal(await bus.send([]), [])
  await bus.close()
  await rejects(bus.send([]), 'BUS_CLOSED')
})

test('nothing is sent where a topic may not be created', async () => {
  const broker = memoryBroker()
  const transport = memoryTransport({ broker })
  const bus = createBus({ name: 'shop', transport, logger: silentLogger, topics: { create: false } })
  await bus.start()
  await rejects(bus.send([await bus.encode(Order, { id: '1' })]), 'TOPIC_MISSING')
  await bus.close()
})

test.run()
