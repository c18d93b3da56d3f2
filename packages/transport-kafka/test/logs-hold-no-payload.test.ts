import assert from 'node:assert/strict'
import {
  createBus,
  defineError,
  defineEvent,
  defineRequest,
  idempotent,
  logging,
  memoryStore,
  retry,
  timeout,
} from '@busbar/core'
import { eventually, kafkaForTests, placesOf, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import { type Order, orderSchema } from './support/order-schema.js'
import { KeepingLogger } from './support/scenario.js'
import { foreign, type World, worlds } from './support/worlds.js'

const kafka = await kafkaForTests()

/** Stands in every payload, key and header; what each part of it is for shows where it is found. */
const marker = 'not-for-a-log'
const header = { tenant: `header ${marker}` }
const order = (amount = 1): Order => ({ id: `payload ${marker}`, amount })

/** A bus at level debug, and a check that no line of it holds the marker. */
function watched(world: World) {
  const name = uniqueName('shop')
  const logger = new KeepingLogger()
  const bus = createBus({
    name,
    transport: world.transport(),
    logger,
    requests: { replyTopic: uniqueName('replies') },
    consume: { redelivery: { delayMs: 20, maxDelayMs: 100 } },
  })
  const Order = defineEvent('order', {
    topic: { name: uniqueName('orders'), partitions: 1 },
    schema: orderSchema,
    key: () => `key ${marker}`,
  })
  bus.use(logging())
  const said = (message: string) => logger.lines.filter(line => line.message.includes(message)).length
  const check = () => assert.deepEqual(placesOf(marker, logger.lines), [])
  return { name, bus, logger, Order, said, check }
}

for (const { name, open } of worlds(kafka?.brokers)) {
  const test = suite(`no payload, key or header in a log at level debug, on ${name}`)
  const quick = { attempts: 2, delayMs: 1, jitter: 'none' } as const

  test('of a delivery that succeeds, is tried again in either way, dead-lettered, timed out or handed back', async () => {
    await using world = await open()
    const { bus, Order, said, check } = watched(world)
    let handed = 0
    const failing = (isBad: (attempt: number) => boolean) => (_: Order, context: { attempt: number }) => {
      if (isBad(context.attempt)) throw new Error('no', { cause: new Error('that is why') })
    }
    const done: string[] = []
    bus.onDelivery(({ group, outcome }) => done.push(`${String(group)} ${outcome}`))
    bus.subscribe(Order, { group: 'good', use: [idempotent(memoryStore())] }, () => {})
    bus.subscribe(
      Order,
      { group: 'again', use: [retry(quick)] },
      failing(attempt => attempt === 1),
    )
    const viaTopic = retry({ ...quick, via: 'topic' })
    bus.subscribe(
      Order,
      { group: 'moved', use: [viaTopic] },
      failing(attempt => attempt === 1),
    )
    bus.subscribe(
      Order,
      { group: 'bad', use: [retry(quick)] },
      failing(() => true),
    )
    const late = [retry({ ...quick, attempts: 1 }), timeout(5)]
    bus.subscribe(Order, { group: 'late', use: late }, () => new Promise(() => {}))
    bus.subscribe(Order, { group: 'handed', onFailure: 'hand-back' }, () => {
      handed += 1
      if (handed === 1) throw new Error('no')
    })
    bus.subscribeBatch(Order, { group: 'batch', maxWaitMs: 5, use: [retry(quick)] }, ([first]) =>
      first?.fail(new Error('not this one')),
    )
    await bus.start()
    await bus.publish(Order, order(), { headers: header })
    await bus.publish(Order, order(), { headers: header, delayMs: 20 })
    const of = (end: string) => done.filter(each => each === end).length
    await eventually(
      () => {
        for (const end of ['good done', 'again done', 'moved done', 'handed done'])
          assert.equal(of(end), 2, end)
        for (const group of ['bad', 'late', 'batch']) assert.equal(of(`${group} dead-lettered`), 2, group)
      },
      { timeoutMs: 30_000 },
    )
    await bus.close()
    for (const line of ['is tried again', 'by its retry topic', 'is a dead letter now', 'is handed back'])
      assert.ok(said(line) > 0, line)
    check()
  })

  test('of what matches no schema, can not be decoded, or has no readable envelope', async () => {
    await using world = await open()
    const { bus, Order, said, check } = watched(world)
    bus.subscribe(Order, { group: 'readers', use: [retry(quick)] }, () => {})
    await bus.start()
    const wrong = { id: 7, amount: marker, [marker]: marker } as unknown as Order
    const refused = await bus.publish(Order, wrong).catch((thrown: unknown) => thrown)
    assert.ok(refused instanceof Error)
    const inBatch = await bus.publishBatch(Order, [order(), wrong]).catch((thrown: unknown) => thrown)
    assert.deepEqual(placesOf(marker, [refused, inBatch]), [])
    const topic = Order.topic.name
    const key = Buffer.from(marker)
    const values = [JSON.stringify(wrong), marker, `{"id": "${marker}`, `\xff${marker}`]
    const records = values.map(text => foreign(topic, 'order', { key, value: Buffer.from(text, 'latin1') }))
    const notText = Buffer.concat([key, Buffer.from([0xff])])
    const unreadable = { key, value: Buffer.from('{}'), headers: { ce_source: notText, ...header } }
    const noEvent = { topic, key, value: key, headers: header, timestampMs: Date.now() }
    await world.raw.send([...records, foreign(topic, 'order', unreadable), noEvent])
    await eventually(() => {
      assert.equal(said('is a dead letter now'), records.length + 1)
      assert.equal(said('ignored records without CloudEvents headers'), 1)
    })
    await bus.close()
    check()
  })

  test('of a request that is answered, declared to fail, fails, or has an answer that fits no schema', async () => {
    await using world = await open()
    const Refused = defineError<{ left: string }>('Refused')
    const { bus, Order, said, check } = watched(world)
    const Ask = defineRequest(uniqueName('ask'), {
      request: orderSchema,
      reply: orderSchema,
      errors: { Refused },
    })
    bus.reply(Ask, { group: 'answering' }, ({ amount }) => {
      if (amount === 1) return order()
      if (amount === 2) throw new Refused({ left: marker })
      if (amount === 3) throw new Error('no')
      return { id: 7, amount: marker } as unknown as Order
    })
    // A handler that asks fails with what it was told.
    bus.subscribe(Order, { group: 'asking', use: [retry(quick)] }, async ({ amount }) => {
      await bus.request(Ask, order(amount), { headers: header })
    })
    await bus.start()
    for (const amount of [1, 2, 3, 4]) await bus.publish(Order, order(amount))
    await eventually(() => assert.equal(said('is a dead letter now'), 3), { timeoutMs: 20_000 })
    await bus.close()
    assert.ok(said('request answered with an error') >= 3)
    check()
  })

  test('of what the broker refuses, which a handler wants to publish', async () => {
    await using world = await open()
    const { bus, Order, said, check } = watched(world)
    const Large = defineEvent<string>(uniqueName('large'), { key: () => marker })
    bus.subscribe(Order, { group: 'large', use: [retry(quick)] }, () =>
      bus.publish(Large, marker.repeat(2_000_000), { headers: header }).then(() => {
        throw new Error('the in-memory broker has no limit')
      }),
    )
    await bus.start()
    await bus.publish(Order, order())
    await eventually(() => assert.equal(said('is a dead letter now'), 1), { timeoutMs: 20_000 })
    await bus.close()
    check()
  })

  test.run()
}
