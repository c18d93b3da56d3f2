import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { startKafka } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { map } from 'rxjs'

/**
 * Records a second through `bus.pipe`, at least once and exactly once, in one process, from one topic of 6 partitions into
 * another. Rounds alternate, each with a new group from the earliest record. Counted from the first record that is handled
 * to the commit of the last.
 *
 * `pnpm bench:exactly-once [records of a round] [rounds]`
 */
const records = Number(process.argv[2] ?? 100_000)
const rounds = Number(process.argv[3] ?? 5)
const partitions = 6

interface Reading {
  readonly sensor: string
  readonly value: number
}

await using broker = await startKafka({ fast: true })
const transport = () => kafkaTransport({ brokers: broker.brokers, topics: { partitions } })
const readings = (topic: string) => defineEvent<Reading>('reading', { topic, key: ({ sensor }) => sensor })
const Source = readings('source')

await using publisher = createBus({ name: 'publisher', transport: transport(), logger: silentLogger })
await publisher.start()
for (let next = 0; next < records; next += 1_000) {
  const published = Array.from({ length: 1_000 }, (_, i) =>
    publisher.publish(Source, { sensor: `s${(next + i) % 500}`, value: next + i }),
  )
  await Promise.all(published)
}

async function round(number: number, exactlyOnce: boolean): Promise<number> {
  const name = `${exactlyOnce ? 'exactly' : 'least'}-${number}`
  const moving = transport()
  const bus = createBus({ name, transport: moving, logger: silentLogger })
  let began = 0
  bus.pipe(
    Source,
    { group: name, exactlyOnce },
    reading$ =>
      reading$.pipe(
        map(reading => {
          began ||= performance.now()
          return { ...reading, value: reading.value + 1 }
        }),
      ),
    readings(name),
  )
  await bus.start()
  const positions = async () =>
    (await moving.positions(name)).reduce((sum, { committed }) => sum + committed, 0)
  while ((await positions()) < records) await new Promise(resolve => setTimeout(resolve, 20))
  const rate = records / ((performance.now() - began) / 1_000)
  await bus.close()
  return rate
}

const rates = { least: [] as number[], exactly: [] as number[] }
for (let number = 0; number < rounds; number++) {
  rates.least.push(await round(number, false))
  rates.exactly.push(await round(number, true))
}
const middle = (all: number[]) => all.toSorted((a, b) => a - b)[all.length >> 1] ?? 0
for (const [name, all] of Object.entries(rates))
  console.log(`${name} once: ${Math.round(middle(all))} records/s (${all.map(Math.round).join(', ')})`)
console.log(`ratio ${(middle(rates.exactly) / middle(rates.least)).toFixed(2)}`)
