import { setTimeout as sleep } from 'node:timers/promises'
import type { InboundRecord } from '@busbar/core'
import { deadline, eventually, freePort, startKafka, tcpProxy, uniqueName } from '@busbar/testkit'
import kafkajs from 'kafkajs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connected, publish, refusalOf, texts } from './support/test-transport.js'

const test = suite('reading without a group')
const proxyPort = await freePort()
const kafka = await startKafka({ proxyPort })
test.after(() => kafka.stop())

const text = (record: InboundRecord): string => Buffer.from(record.value ?? []).toString()
const newTopic = async (
  { transport }: Awaited<ReturnType<typeof connected>>,
  partitions: number,
): Promise<string> => {
  const name = uniqueName('read')
  await transport.ensureTopics([{ name, create: true, partitions }])
  return name
}

test('whatever is sent after it is ready is seen, and soon', async () => {
  await using bus = await connected({ brokers: kafka.brokers })
  const topic = await newTopic(bus, 3)
  await publish(bus.transport, topic, ['before'], { partition: 1 })
  const got: string[] = []
  await using reader = await bus.transport.read({ topic, partitions: [1], from: 'latest' }, records => {
    got.push(...records.map(text))
  })
  await publish(bus.transport, topic, ['other'], { partition: 0 })
  const times: number[] = []
  for (const value of texts('v', 50)) {
    const start = performance.now()
    await publish(bus.transport, topic, [value], { partition: 1 })
    await eventually(() => assert.is(got.at(-1), value), { everyMs: 1 })
    times.push(performance.now() - start)
  }
  assert.equal(got, texts('v', 50))
  times.sort((a, b) => a - b)
  assert.ok((times[25] ?? 0) < 200, `p50 ${times[25]} ms`)
  const start = performance.now()
  await reader[Symbol.asyncDispose]()
  await reader.closed
  assert.ok(performance.now() - start < 1_000)
  assert.equal(await bus.transport.positions('test'), [], 'it commits nothing')
})

test('reads to the end, from the beginning or a position', async () => {
  await using bus = await connected({ brokers: kafka.brokers })
  const topic = await newTopic(bus, 2)
  await publish(bus.transport, topic, texts('a', 40), { partition: 0 })
  await publish(bus.transport, topic, texts('b', 3), { partition: 1 })
  const read = async (spec: object) => {
    const got: string[] = []
    const reader = await bus.transport.read(
      { topic, from: 'earliest', until: 'end', ...spec },
      async records => {
        await sleep(1)
        got.push(...records.map(text))
      },
    )
    await deadline(5_000, 'reading', reader.closed)
    return got.sort()
  }
  assert.equal(await read({}), [...texts('a', 40), ...texts('b', 3)].sort())
  assert.equal(await read({ partitions: [1], from: 2 }), ['b2'])
  assert.equal(await read({ from: 'latest' }), [])
  assert.is((await refusalOf(read({ partitions: [1], from: 99 }))).code, 'POSITION_OUT_OF_RANGE')
})

test('a slow receiver holds back its own partition only', async () => {
  await using bus = await connected({ brokers: kafka.brokers })
  const topic = await newTopic(bus, 2)
  const got: string[] = []
  let release = (): void => {}
  await using _reader = await bus.transport.read({ topic, from: 'earliest' }, records => {
    got.push(...records.map(text))
    return records[0]?.partition === 0
      ? new Promise<void>(resolve => {
          release = resolve
        })
      : undefined
  })
  await publish(bus.transport, topic, ['a0'], { partition: 0 })
  await eventually(() => assert.equal(got, ['a0']))
  await publish(bus.transport, topic, ['a1'], { partition: 0 })
  await publish(bus.transport, topic, ['b0'], { partition: 1 })
  await eventually(() => assert.equal(got, ['a0', 'b0']))
  await sleep(300)
  assert.equal(got, ['a0', 'b0'])
  release()
  await eventually(() => assert.equal(got, ['a0', 'b0', 'a1']))
})

test('goes on after lost connections and an unreachable broker', async () => {
  await using proxy = await tcpProxy({ targetPort: kafka.proxyTargetPort ?? 0, listenPort: proxyPort })
  await using direct = await connected({ brokers: kafka.brokers })
  await using bus = await connected({ brokers: [`127.0.0.1:${proxyPort}`] })
  const topic = await newTopic(direct, 1)
  const got: string[] = []
  await using _reader = await bus.transport.read({ topic, from: 'latest' }, records => {
    got.push(...records.map(text))
  })
  for (let round = 0; round < 3; round++) {
    if (round === 1) await proxy.refuse()
    proxy.cutAll()
    await publish(direct.transport, topic, [`v${round}`])
    if (round === 1) {
      await sleep(1_000)
      await proxy.accept()
    }
    await eventually(() => assert.equal(got, texts('v', round + 1)), { timeoutMs: 10_000 })
  }
})

test('partitions that are added later are read from their beginning', async () => {
  await using bus = await connected({ brokers: kafka.brokers, consumer: { metadataMaxAge: 200 } })
  const topic = await newTopic(bus, 1)
  const got: string[] = []
  await using _reader = await bus.transport.read({ topic, from: 'latest' }, records => {
    got.push(...records.map(text))
  })
  const admin = new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] })
  await admin.disconnect()
  await eventually(() => publish(bus.transport, topic, ['new'], { partition: 1 }), { timeoutMs: 15_000 })
  await eventually(() => assert.equal(got, ['new']), { timeoutMs: 5_000 })
})

test('records of aborted and open transactions are not seen; those that are committed are', async () => {
  await using bus = await connected({ brokers: kafka.brokers, commitIntervalMs: 30 })
  const topic = await newTopic(bus, 1)
  const producer = new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).producer(
    {
      transactionalId: uniqueName('tx'),
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    },
  )
  await producer.connect()
  const transact = async (value: string, commit: boolean) => {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value }] })
    await (commit ? transaction.commit() : transaction.abort())
  }
  await transact('yes1', true)
  await transact('no', false)
  await publish(bus.transport, topic, ['plain'])
  await transact('yes2', true)
  await transact('no2', false)
  await producer.disconnect()
  const got: string[] = []
  const reader = await bus.transport.read({ topic, from: 'earliest', until: 'end' }, records => {
    got.push(...records.map(text))
  })
  await deadline(5_000, 'reading', reader.closed)
  assert.equal(got, ['yes1', 'plain', 'yes2'])
  const group = uniqueName('group')
  const handled: string[] = []
  await using _subscription = await bus.transport.subscribe(
    { group, topics: [topic], from: 'earliest', maxInFlight: 9 },
    async batch => {
      for (const delivery of batch.deliveries) {
        handled.push(text(delivery.record))
        delivery.settle({ kind: 'ack' })
      }
    },
  )
  await eventually(async () => {
    const [position] = await bus.transport.positions(group)
    assert.is(position?.lag, 0, 'the position passes the markers at the end')
  })
  assert.equal(handled, ['yes1', 'plain', 'yes2'])
})

test.run()
