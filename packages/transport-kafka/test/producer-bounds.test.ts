import { BusbarError } from '@busbar/core'
import { freePort, type RunningKafka, startKafka, type TcpProxy, tcpProxy } from '@busbar/testkit'
import type { Kafka } from 'kafkajs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { kafkaAt, newTopic, producerAt, readTopic, record } from './kafka-harness.js'

const produceKey = 0
let broker: RunningKafka
let proxy: TcpProxy
let kafka: Kafka
let proxied: Kafka

test.before(async () => {
  const proxyPort = await freePort()
  broker = await startKafka({ proxyPort })
  proxy = await tcpProxy({ targetPort: broker.proxyTargetPort as number, listenPort: proxyPort })
  kafka = kafkaAt(broker.brokers)
  proxied = kafkaAt(broker.proxiedBrokers as string[])
})

test.after(async () => {
  await proxy?.stop()
  await broker?.stop()
})

const codeOf = (reason: unknown): string => (reason instanceof BusbarError ? reason.code : String(reason))

test('at the limit publishers wait, in order, and go on', async () => {
  const topic = await newTopic(kafka, 1)
  const producer = await producerAt(kafka, { maxBufferedRecords: 10 })
  const sent = Array.from({ length: 20 }, (_, i) => producer.send([record(topic, `${i}`)]))
  const positions = await Promise.all(sent)
  assert.equal(
    positions.map(([position]) => position?.offset),
    Array.from({ length: 20 }, (_, i) => i),
  )
  await producer.close()
})

test('publishers that find no room in time are told so, and nothing of theirs is stored', async () => {
  const topic = await newTopic(kafka, 1)
  const producer = await producerAt(proxied, { maxBufferedRecords: 3, publishTimeoutMs: 400 })
  await producer.send([record(topic, 'first')])
  proxy.pause()
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, (_, i) => producer.send([record(topic, `${i}`)])),
  )
  proxy.resume()
  const codes = results.map(result => (result.status === 'rejected' ? codeOf(result.reason) : 'stored'))
  assert.equal(codes.slice(0, 3), [
    'PUBLISH_OUTCOME_UNKNOWN',
    'PUBLISH_OUTCOME_UNKNOWN',
    'PUBLISH_OUTCOME_UNKNOWN',
  ])
  assert.equal(
    codes.slice(3),
    Array.from({ length: 7 }, () => 'PUBLISH_QUEUE_FULL'),
  )
  await producer.send([record(topic, 'last')])
  const values = (await readTopic(kafka, topic)).map(({ value }) => String(value))
  assert.is(values.at(-1), 'last')
  assert.not(values.some(value => Number(value) >= 3))
  await producer.close()
})

test('a limit of bytes', async () => {
  const topic = await newTopic(kafka, 1)
  const producer = await producerAt(kafka, { maxBufferedBytes: 1_000 })
  const all = [
    record(topic, 'x'.repeat(900)),
    record(topic, 'y'.repeat(900)),
    record(topic, 'z'.repeat(5_000)),
  ]
  const positions = await Promise.all(all.map(one => producer.send([one])))
  assert.equal(
    positions.map(([position]) => position?.offset),
    [0, 1, 2],
  )
  await producer.close()
})

test('what is published while a request is out goes out in one', async () => {
  const topic = await newTopic(kafka, 1)
  const producer = await producerAt(proxied)
  await producer.send([record(topic, 'first')])
  const before = proxy.requests(produceKey)
  proxy.pause()
  const sent = [producer.send([record(topic, 'alone')])]
  await new Promise(resolve => setTimeout(resolve, 50))
  for (let i = 0; i < 500; i++) sent.push(producer.send([record(topic, `${i}`)]))
  proxy.resume()
  await Promise.all(sent)
  assert.is(proxy.requests(produceKey) - before, 2)
  await producer.close()
})

test('records without a key stay together in a batch and spread over the partitions', async () => {
  const topic = await newTopic(kafka, 4)
  const producer = await producerAt(kafka)
  const used = new Set<number | undefined>()
  for (let round = 0; round < 30; round++) {
    const positions = await producer.send([record(topic, 'a'), record(topic, 'b'), record(topic, 'c')])
    assert.is(new Set(positions.map(({ partition }) => partition)).size, 1)
    used.add(positions[0]?.partition)
  }
  assert.is(used.size, 4)
  await producer.close()
})

test('linger waits for more, flush and close settle everything', async () => {
  const topic = await newTopic(kafka, 1)
  const producer = await producerAt(proxied, { lingerMs: 300 })
  const first = performance.now()
  await producer.send([record(topic, 'first')])
  assert.ok(performance.now() - first >= 300)
  const before = proxy.requests(produceKey)
  let settled = 0
  for (let i = 0; i < 5; i++) {
    void producer.send([record(topic, `${i}`)]).then(() => settled++)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
  await producer.flush()
  assert.is(settled, 5)
  assert.is(proxy.requests(produceKey) - before, 1)
  void producer.send([record(topic, 'last')]).then(() => settled++)
  await producer.close()
  assert.is(settled, 6)
})

test('options out of range', async () => {
  for (const options of [
    { publishTimeoutMs: 0 },
    { maxBufferedRecords: Number.NaN },
    { compression: 'brotli' as never },
  ]) {
    const code = await producerAt(kafka, options).then(() => 'none', codeOf)
    assert.is(code, 'CONFIG_INVALID')
  }
})

test.run()
