import { type OutboundRecord, silentLogger, systemRuntime, type Transport } from '@busbar/core'
import { startKafka } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import kafkajs, { type Kafka, type Producer } from 'kafkajs'

/**
 * Single publishes a second: the transport against kafkajs's producer, in one process, with the same records (100 bytes, 1,000
 * keys, 6 partitions), both waiting for all in-sync replicas, up to 10,000 outstanding. Rounds alternate; afterwards
 * the partitions' end offsets must account for every record.
 *
 * `pnpm bench:publish [records of a round] [rounds]`
 */
const records = Number(process.argv[2] ?? 100_000)
const rounds = Number(process.argv[3] ?? 5)
const outstanding = 10_000
const partitions = 6
/** How much longer our rounds are, so that they take a comparable time. */
const ourFactor = 3

const value = Buffer.alloc(100, 'x')
const keys = Array.from({ length: 1_000 }, (_, i) => Buffer.from(`key-${i}`))

function envelope(id: number, withHeaders: boolean): Record<string, string> {
  if (!withHeaders) return {}
  return {
    ce_specversion: '1.0',
    ce_id: `0198c0de-7000-7000-8000-${String(id).padStart(12, '0')}`,
    ce_type: 'user.created',
    ce_source: 'accounts',
    ce_time: '2026-01-01T00:00:00.000Z',
    'content-type': 'application/json',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  }
}

/** Publishes `count` records one by one, `outstanding` at most without an answer. Returns records a second. */
async function rate(count: number, publishOne: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0
  const begin = performance.now()
  const worker = async (): Promise<void> => {
    while (next < count) await publishOne(next++)
  }
  await Promise.all(Array.from({ length: outstanding }, worker))
  return count / ((performance.now() - begin) / 1_000)
}

function ours(
  transport: Transport,
  topic: string,
  withHeaders: boolean,
): (index: number) => Promise<unknown> {
  return index => {
    const record: OutboundRecord = {
      topic,
      key: keys[index % keys.length] as Buffer,
      value,
      headers: envelope(index, withHeaders),
      timestampMs: Date.now(),
    }
    return transport.send([record])
  }
}

function theirs(
  producer: Producer,
  topic: string,
  withHeaders: boolean,
): (index: number) => Promise<unknown> {
  return index =>
    producer.send({
      topic,
      acks: -1,
      messages: [{ key: keys[index % keys.length] as Buffer, value, headers: envelope(index, withHeaders) }],
    })
}

async function stored(kafka: Kafka, topic: string): Promise<number> {
  const admin = kafka.admin()
  await admin.connect()
  const offsets = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  return offsets.reduce((sum, { high }) => sum + Number(high), 0)
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
const perSecond = (value: number): string => `${(value / 1_000).toFixed(1)} k/s`.padStart(11)
const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`

async function compare(
  kafka: Kafka,
  transport: Transport,
  producer: Producer,
  withHeaders: boolean,
): Promise<void> {
  const topic = withHeaders ? 'bench-envelope' : 'bench-plain'
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions }] })
  await admin.disconnect()
  const publishOurs = ours(transport, topic, withHeaders)
  const publishTheirs = theirs(producer, topic, withHeaders)
  const warmUp = 20_000
  await rate(warmUp, publishTheirs)
  await rate(warmUp, publishOurs)
  let expected = 2 * warmUp
  const ourRates: number[] = []
  const theirRates: number[] = []
  console.log(withHeaders ? '\nwith the envelope of 7 headers' : '\nwithout headers')
  for (let round = 1; round <= rounds; round++) {
    const theirRate = await rate(records, publishTheirs)
    const ourRate = await rate(records * ourFactor, publishOurs)
    expected += records * (1 + ourFactor)
    theirRates.push(theirRate)
    ourRates.push(ourRate)
    const { heapUsed, rss } = process.memoryUsage()
    const ratio = (ourRate / theirRate).toFixed(1)
    const memory = `heap ${mib(heapUsed)}, rss ${mib(rss)}`
    console.log(
      `  round ${round}: busbar ${perSecond(ourRate)}   kafkajs ${perSecond(theirRate)}   × ${ratio}   ${memory}`,
    )
  }
  const ratio = (median(ourRates) / median(theirRates)).toFixed(1)
  console.log(
    `  median:  busbar ${perSecond(median(ourRates))}   kafkajs ${perSecond(median(theirRates))}   × ${ratio}`,
  )
  const found = await stored(kafka, topic)
  if (found !== expected) throw new Error(`${expected} records were acknowledged, ${found} are there`)
  console.log(`  ${found} of ${expected} acknowledged records are in the log`)
}

await using broker = await startKafka({ fast: true })
const kafka = new kafkajs.Kafka({
  brokers: broker.brokers,
  clientId: 'bench',
  logLevel: kafkajs.logLevel.NOTHING,
})
const transport = kafkaTransport({ brokers: broker.brokers })
await transport.connect({
  clientId: 'bench',
  logger: silentLogger,
  runtime: systemRuntime,
  onEvent: () => {},
})
const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
await producer.connect()
await compare(kafka, transport, producer, false)
await compare(kafka, transport, producer, true)
await producer.disconnect()
await transport[Symbol.asyncDispose]()
console.log(`\npeak rss ${mib(process.resourceUsage().maxRSS * 1024)}`)
