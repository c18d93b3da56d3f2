import { BusbarError } from '@busbar/core'
import { type RunningKafka, startKafka } from '@busbar/testkit'
import kafkajs, { type Kafka } from 'kafkajs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createTopic, kafkaAt, newTopic, producerAt, readTopic, record } from './kafka-harness.js'

let broker: RunningKafka
let kafka: Kafka

test.before(async () => {
  broker = await startKafka({ saslSsl: { denied: { alice: { topics: ['denied'] } } } })
  kafka = kafkaAt(broker.brokers)
})

test.after(async () => {
  await broker?.stop()
})

async function errorOf(sent: Promise<unknown>): Promise<BusbarError> {
  const error = await sent.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.instance(error, BusbarError)
  return error as BusbarError
}

async function configure(topic: string, name: string, value: number): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      {
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name: topic,
        configEntries: [{ name, value: String(value) }],
      },
    ],
  })
  await admin.disconnect()
}

const values = async (topic: string): Promise<string[]> =>
  (await readTopic(kafka, topic)).map(({ value }) => String(value))

test('a refused and a stored partition in one request, then more of both', async () => {
  const small = await newTopic(kafka, 1)
  const large = await newTopic(kafka, 1)
  const producer = await producerAt(kafka)
  await producer.send([record(small, 's0'), record(large, 'l0')])
  // Behind the producer's back, which has the old limit cached.
  await configure(small, 'max.message.bytes', 300)
  const big = 'x'.repeat(1_000)
  const error = await errorOf(producer.send([record(small, big), record(large, 'l1'), record(small, 's1')]))
  assert.is(error.code, 'PUBLISH_PARTIAL')
  assert.equal(
    error.failures.map(({ index, error: { code } }) => [index, code]),
    [[0, 'RECORD_TOO_LARGE']],
  )
  for (let i = 2; i < 6; i++) {
    const results = await Promise.allSettled([
      producer.send([record(small, `s${i}`)]),
      producer.send([record(small, big)]),
      producer.send([record(large, `l${i}`)]),
    ])
    assert.equal(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
  }
  assert.equal(await values(small), ['s0', 's1', 's2', 's3', 's4', 's5'])
  assert.equal(await values(large), ['l0', 'l1', 'l2', 'l3', 'l4', 'l5'])
  await producer.close()
})

test('one record that is too large takes none of its neighbours with it', async () => {
  const topic = await newTopic(kafka, 1, { 'max.message.bytes': '2000' })
  const producer = await producerAt(kafka)
  const all = Array.from({ length: 50 }, (_, i) =>
    record(topic, i === 20 ? 'x'.repeat(3_000) : `${i} ${'y'.repeat(500)}`),
  )
  const error = await errorOf(producer.send(all))
  assert.is(error.code, 'PUBLISH_PARTIAL')
  assert.equal(
    error.failures.map(({ index }) => index),
    [20],
  )
  assert.is(error.failures[0]?.error.code, 'RECORD_TOO_LARGE')
  assert.is((await errorOf(producer.send([record(topic, 'x'.repeat(3_000))]))).code, 'RECORD_TOO_LARGE')
  assert.is((await values(topic)).length, 49)
  await producer.close()
})

test('what compresses well enough is not too large', async () => {
  const topic = await newTopic(kafka, 1, { 'max.message.bytes': '2000' })
  const producer = await producerAt(kafka, { compression: 'gzip' })
  await producer.send([record(topic, 'x'.repeat(50_000))])
  const noise = Buffer.from(Array.from({ length: 3_000 }, () => Math.floor(Math.random() * 256)))
  const error = await errorOf(
    producer.send([record(topic, 'a'), record(topic, '', { value: noise }), record(topic, 'b')]),
  )
  assert.equal(
    error.failures.map(({ index, error: { code } }) => [index, code]),
    [[1, 'RECORD_TOO_LARGE']],
  )
  assert.is((await values(topic)).length, 3)
  await producer.close()
})

test('a record that the broker finds invalid takes none of its neighbours with it', async () => {
  const topic = await newTopic(kafka, 1, { 'cleanup.policy': 'compact' })
  const producer = await producerAt(kafka)
  const keyed = (value: string): ReturnType<typeof record> =>
    record(topic, value, { key: Buffer.from(value) })
  const error = await errorOf(
    producer.send([keyed('a'), record(topic, 'no key', { partition: 0 }), keyed('b')]),
  )
  assert.is(error.code, 'PUBLISH_PARTIAL')
  assert.equal(
    error.failures.map(({ index, error: { code, retryable } }) => [index, code, retryable]),
    [[1, 'PUBLISH_FAILED', false]],
  )
  await producer.send([keyed('c')])
  assert.equal(await values(topic), ['a', 'b', 'c'])
  await producer.close()
})

test('a denied topic together with an allowed one', async () => {
  assert.ok(broker.saslSsl)
  const { brokers, ca, users } = broker.saslSsl
  await createTopic(kafka, 'denied', 1)
  const allowed = await newTopic(kafka, 1)
  const asAlice = kafkaAt(brokers, {
    ssl: { ca },
    sasl: { mechanism: 'scram-sha-256', username: 'alice', password: users['alice'] as string },
  })
  const producer = await producerAt(asAlice)
  const error = await errorOf(
    producer.send([record('denied', 'no'), record(allowed, 'yes'), record('denied', 'no')]),
  )
  assert.is(error.code, 'PUBLISH_PARTIAL')
  assert.equal(
    error.failures.map(({ index, error: { code } }) => [index, code]),
    [
      [0, 'TOPIC_DENIED'],
      [2, 'TOPIC_DENIED'],
    ],
  )
  assert.is((await errorOf(producer.send([record('denied', 'no')]))).code, 'TOPIC_DENIED')
  await producer.send([record(allowed, 'again')])
  assert.equal(await values(allowed), ['yes', 'again'])
  await producer.close()
})

test('topics and partitions that are not there', async () => {
  const topic = await newTopic(kafka, 2)
  const producer = await producerAt(kafka, { missingTopicGraceMs: 100 })
  assert.is((await errorOf(producer.send([record('nowhere-to-be-found', 'x')]))).code, 'TOPIC_MISSING')
  assert.is((await errorOf(producer.send([record('not a topic', 'x')]))).code, 'TOPIC_INVALID')
  assert.is((await errorOf(producer.send([record(topic, 'x', { partition: 2 })]))).code, 'TOPIC_MISMATCH')
  assert.is((await errorOf(producer.send([record(topic, 'x', { partition: -1 })]))).code, 'CONFIG_INVALID')
  assert.is(
    (await errorOf(producer.send([record(topic, 'x', { key: 'text' as never })]))).code,
    'CONFIG_INVALID',
  )
  assert.is((await errorOf(producer.send([record(topic, 'x', { timestampMs: -5 })]))).code, 'CONFIG_INVALID')
  await producer.send([record(topic, 'fine')])
  assert.equal(await values(topic), ['fine'])
  await producer.close()
  assert.is((await errorOf(producer.send([record(topic, 'x')]))).code, 'BUS_CLOSED')
})

test('a topic that is deleted while it is written', async () => {
  const topic = await newTopic(kafka, 1)
  const producer = await producerAt(kafka, { missingTopicGraceMs: 200 })
  await producer.send([record(topic, 'x')])
  const admin = kafka.admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [topic] })
  await admin.disconnect()
  // The controller has deleted it; until the broker has heard of that, it takes records and says so rightly.
  let refusal: BusbarError | undefined
  while (!refusal) {
    refusal = await producer.send([record(topic, 'y')]).then(
      () => undefined,
      (error: BusbarError) => error,
    )
  }
  assert.is(refusal.code, 'TOPIC_MISSING')
  await producer.close()
})

test.run()
