import assert from 'node:assert/strict'
import { type BusbarError, createBus, defineEvent, defineRequest, silentLogger } from '@busbar/core'
import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import { orderSchema } from './support/order-schema.js'
import { stored, worlds } from './support/worlds.js'

const kafka = await kafkaForTests()

/** The error that something rejects with, or throws. */
async function refusal(work: () => unknown): Promise<BusbarError> {
  const thrown = await deadline(10_000, 'the refusal', async () => {
    try {
      await work()
    } catch (error) {
      return error as BusbarError
    }
    throw new Error('was not refused')
  })
  assert.equal(thrown.name, 'BusbarError', String(thrown))
  return thrown
}

for (const { name, open } of worlds(kafka?.brokers)) {
  const test = suite(`what is refused when publishing or starting, on ${name}`)
  const busOf = (transport: Parameters<typeof createBus>[0]['transport'], create = true) =>
    createBus({ name: 'shop', transport, logger: silentLogger, topics: { create } })

  test('a payload that its schema refuses is not stored, and the next one is', async () => {
    await using world = await open()
    const topic = uniqueName('orders')
    const Order = defineEvent('order', { topic, schema: orderSchema })
    const bus = busOf(world.transport())
    await bus.start()
    const error = await refusal(() => bus.publish(Order, { id: 7 } as never))
    assert.equal(error.code, 'PAYLOAD_INVALID')
    assert.match(error.message, /publishing order: .*id: must be text; amount: must be a number/)
    assert.ok(!error.retryable)
    const batch = await refusal(() => bus.publishBatch(Order, [{ id: '1', amount: 1 }, { id: '2' } as never]))
    assert.equal(batch.code, 'PAYLOAD_INVALID')
    assert.match(batch.message, /record 1 of a batch of 2, nothing was sent: .*amount: must be a number/)
    await bus.publish(Order, { id: '3', amount: 1 })
    await bus.close()
    assert.deepEqual(
      (await stored(world, topic)).map(({ value }) => String(Buffer.from(value ?? []))),
      ['{"id":"3","amount":1}'],
    )
  })

  test('what is no event is refused by name', async () => {
    await using world = await open()
    const bus = busOf(world.transport())
    for (const wrong of [undefined, null, {}, 'user.created', defineRequest('get')]) {
      const error = await refusal(() => bus.publish(wrong as never, {}))
      assert.equal(error.code, 'EVENT_UNKNOWN', `${JSON.stringify(wrong)}: ${error.message}`)
      assert.match(error.message, /defineEvent/)
    }
    await bus.close()
  })

  test('a record over the size limit names the limit and takes no neighbour with it', async () => {
    await using world = await open()
    const topic = uniqueName('large')
    const Note = defineEvent<string>('note', {
      topic: { name: topic, partitions: 1, config: { 'max.message.bytes': '10000' } },
    })
    const bus = busOf(world.transport())
    await bus.start()
    const texts = ['one', 'x'.repeat(20_000), 'three']
    const results = await Promise.allSettled(texts.map(text => bus.publish(Note, text)))
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    const [, large] = results
    const error = (large as PromiseRejectedResult).reason as BusbarError
    assert.equal(error.code, 'RECORD_TOO_LARGE')
    assert.match(error.message, new RegExp(`${topic}.*10000|10000.*${topic}`))
    assert.match(error.message, /max\.message\.bytes/)
    assert.ok(!error.retryable)
    const batch = await refusal(() => bus.publishBatch(Note, ['four', 'y'.repeat(20_000), 'six']))
    assert.equal(batch.code, 'PUBLISH_PARTIAL')
    assert.deepEqual(
      batch.failures.map(({ index, error: { code } }) => [index, code]),
      [[1, 'RECORD_TOO_LARGE']],
    )
    await bus.close()
    const values = (await stored(world, topic)).map(
      ({ value }) => JSON.parse(String(Buffer.from(value ?? []))) as string,
    )
    assert.deepEqual(values, ['one', 'three', 'four', 'six'])
  })

  test('a missing topic that may not be created says what to do, and does once it is there', async () => {
    await using world = await open()
    const topic = uniqueName('missing')
    const Note = defineEvent<string>('note', { topic: { name: topic, partitions: 1 } })
    const publisher = busOf(world.transport(), false)
    await publisher.start()
    const published = await refusal(() => publisher.publish(Note, 'early'))
    assert.equal(published.code, 'TOPIC_MISSING')
    const handled: string[] = []
    const consumer = busOf(world.transport(), false)
    consumer.subscribe(Note, { group: topic }, note => void handled.push(note))
    const started = await refusal(() => consumer.start())
    assert.equal(started.code, 'TOPIC_MISSING')
    for (const { message } of [published, started]) {
      assert.match(message, new RegExp(topic))
      assert.match(message, /create/i)
    }

    await world.raw.ensureTopics([{ name: topic, create: true, partitions: 1 }])
    await deadline(10_000, 'the second start', consumer.start())
    await publisher.publish(Note, 'late')
    await eventually(() => assert.deepEqual(handled, ['late']))
    await Promise.all([publisher.close(), consumer.close()])
  })

  test('a name that no topic can have is refused where it is written', async () => {
    for (const topic of ['', 'has space', '..', 'a/b', 'ü', 'x'.repeat(250)]) {
      const error = await refusal(() => defineEvent('note', { topic }))
      assert.equal(error.code, 'TOPIC_INVALID')
      assert.match(error.message, /cannot be the topic of note: use 1 to 249 letters, digits/)
    }
  })

  test('a topic that exists otherwise than declared says in what', async () => {
    await using world = await open()
    const topic = uniqueName('otherwise')
    await world.raw.ensureTopics([{ name: topic, create: true, partitions: 2 }])
    const bus = busOf(world.transport())
    bus.subscribe(defineEvent<string>('note', { topic: { name: topic, partitions: 4 } }), () => {})
    const error = await refusal(() => bus.start())
    assert.equal(error.code, 'TOPIC_MISMATCH')
    assert.match(error.message, new RegExp(`${topic}.*(2 partitions, not 4|partitions is 2, declared 4)`))
    await bus.close()
  })

  test('a header that has no UTF-8 form, or that is the envelope’s, is refused', async () => {
    await using world = await open()
    const bus = busOf(world.transport())
    await bus.start()
    const Note = defineEvent<string>('note', { topic: uniqueName('headers') })
    for (const headers of [
      { note: '\ud800' },
      { ce_type: 'other' },
      { 'content-type': 'x' },
      { note: 7 as never },
    ]) {
      const error = await refusal(() => bus.publish(Note, 'note', { headers }))
      assert.equal(error.code, 'HEADER_INVALID')
      assert.match(error.message, /publishing note: header "(note|ce_type|content-type)"/)
    }
    await bus.close()
  })

  test.run()
}
