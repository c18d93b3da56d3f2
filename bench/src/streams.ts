import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { startKafka } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import kafkajs from 'kafkajs'
import { filter, from, map, type Observable } from 'rxjs'

/**
 * A pipeline of three operators, records a second: `bus.stream(…).pipe(…)` and the same pipeline for each record of its
 * own, against bare RxJS over texts that are in memory already, and against a bare kafkajs loop (`eachBatch`, plain
 * functions) on the same topic. Rounds alternate; joining is left out.
 *
 * `pnpm bench:streams [records of a round] [rounds]`
 */
const records = Number(process.argv[2] ?? 100_000)
const rounds = Number(process.argv[3] ?? 5)
const partitions = 6
const topic = 'readings'

interface Reading {
  readonly sensor: string
  readonly value: number
}

await using broker = await startKafka({ fast: true })
const { brokers } = broker
const Reading = defineEvent<Reading>('reading', { topic, key: reading => reading.sensor })
const readings = Array.from({ length: records }, (_, index) => ({
  sensor: `sensor-${index % 1_000}`,
  value: index % 200,
}))
/** Those that pass the filter. */
const expected = readings.filter(({ value }) => value > 100).length

const isHigh = ({ value }: Reading): boolean => value > 100
const marked = (reading: Reading) => ({ ...reading, processed: true })
const text = (reading: Reading) => `${reading.sensor}: ${reading.value}`
const pipeline = (reading$: Observable<Reading>) => reading$.pipe(filter(isHigh), map(marked), map(text))

/** Resolves with records a second, from the first output to the last. */
function counted() {
  let began = 0
  let seen = 0
  let resolve: (rate: number) => void = () => {}
  const rate = new Promise<number>(settle => {
    resolve = settle
  })
  const next = () => {
    began ||= performance.now()
    seen += 1
    if (seen === expected) resolve(records / ((performance.now() - began) / 1_000))
  }
  return { next, rate }
}

type Contestant = (round: number) => Promise<number>

const newBus = () =>
  createBus({
    name: 'bench',
    transport: kafkaTransport({ brokers, topics: { partitions } }),
    logger: silentLogger,
  })

const contestants: Record<string, Contestant> = {
  'bus.stream().pipe()': async round => {
    await using bus = newBus()
    const { next, rate } = counted()
    pipeline(bus.stream(Reading, { group: `plain-${round}` })).subscribe(next)
    await bus.start()
    return await rate
  },
  'a pipeline per record': async round => {
    await using bus = newBus()
    const { next, rate } = counted()
    bus.stream(Reading, { group: `each-${round}` }, pipeline).subscribe(next)
    await bus.start()
    return await rate
  },
  'bare RxJS': async () => {
    const texts = readings.map(reading => JSON.stringify(reading))
    const { next, rate } = counted()
    pipeline(from(texts).pipe(map(each => JSON.parse(each) as Reading))).subscribe(next)
    return rate
  },
  'bare kafkajs': async round => {
    const client = new kafkajs.Kafka({ brokers, clientId: 'bench', logLevel: kafkajs.logLevel.NOTHING })
    const consumer = client.consumer({ groupId: `kafkajs-${round}` })
    const { next, rate } = counted()
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      partitionsConsumedConcurrently: partitions,
      eachBatch: async payload => {
        for (const { value, offset } of payload.batch.messages) {
          const reading = JSON.parse(String(value)) as Reading
          if (isHigh(reading) && text(marked(reading))) next()
          payload.resolveOffset(offset)
        }
      },
    })
    const result = await rate
    await consumer.disconnect()
    return result
  },
}

const publisher = newBus()
await publisher.start()
for (let at = 0; at < records; at += 5_000)
  await publisher.publishBatch(Reading, readings.slice(at, at + 5_000))
await publisher.close()

const rates = new Map(Object.keys(contestants).map(name => [name, [] as number[]]))
// Round 0 warms up.
for (let round = 0; round <= rounds; round++) {
  for (const [name, run] of Object.entries(contestants)) {
    const rate = await run(round)
    if (round > 0) rates.get(name)?.push(rate)
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
const medianOf = (name: string) => median(rates.get(name) ?? [])
for (const name of rates.keys()) {
  const rate = `${(medianOf(name) / 1_000).toFixed(1)} k/s`.padStart(12)
  const ratios = ['bare RxJS', 'bare kafkajs'].map(
    other => `× ${(medianOf(name) / medianOf(other)).toFixed(2)} of ${other}`,
  )
  console.log(`${name.padEnd(22)} ${rate}   ${ratios.join(', ')}`)
}
