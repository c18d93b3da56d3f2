import { setTimeout as sleep } from 'node:timers/promises'
import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { startKafka } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { mergeMap } from 'rxjs'

/**
 * Resident memory of a stream that is a hundred times slower than what waits for it: records are stored first, then a
 * pipeline of 10 ms a record reads them, ten at a time. Samples memory while it runs; flat means that what waits stays
 * with the broker.
 *
 * `pnpm bench:backpressure [records that wait] [seconds]`
 */
const records = Number(process.argv[2] ?? 1_000_000)
const seconds = Number(process.argv[3] ?? 60)

await using broker = await startKafka({ fast: true })
const Reading = defineEvent<{ sensor: string; text: string }>('reading', {
  topic: { name: 'waiting', partitions: 6 },
  key: reading => reading.sensor,
})
const newBus = (name: string) =>
  createBus({ name, transport: kafkaTransport({ brokers: broker.brokers }), logger: silentLogger })

const publisher = newBus('publisher')
await publisher.start()
const began = performance.now()
for (let at = 0; at < records; at += 10_000) {
  const batch = Array.from({ length: 10_000 }, (_, index) => ({
    sensor: `sensor-${(at + index) % 5_000}`,
    text: 'x'.repeat(80),
  }))
  await publisher.publishBatch(Reading, batch)
}
const published = records / ((performance.now() - began) / 1_000)
await publisher.close()

const consumer = newBus('consumer')
let handled = 0
consumer
  .stream(Reading, { concurrency: 10 }, reading$ => reading$.pipe(mergeMap(() => sleep(10))))
  .subscribe(() => {
    handled += 1
  })
await consumer.start()
/** Of what publishing has left behind, and of the first fetches. */
await sleep(10_000)
const samples: number[] = []
const from = { handled, at: performance.now() }
for (let second = 0; second < seconds; second++) {
  await sleep(1_000)
  samples.push(process.memoryUsage.rss() / 2 ** 20)
}
const rate = (handled - from.handled) / ((performance.now() - from.at) / 1_000)
await consumer.close()

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const quarter = Math.max(1, samples.length >> 2)
console.log(`${records} records published at ${published.toFixed(0)}/s, handled at ${rate.toFixed(0)}/s`)
console.log(
  `resident memory over ${seconds} s: ${Math.min(...samples).toFixed(0)} to ${Math.max(...samples).toFixed(0)} MiB; ` +
    `first quarter ${mean(samples.slice(0, quarter)).toFixed(0)}, last ${mean(samples.slice(-quarter)).toFixed(0)} MiB`,
)
