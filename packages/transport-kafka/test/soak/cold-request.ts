// How long a fresh process takes from `createBus` to its first reply, with the broker's default rebalance delay of 3 s.
import { startKafka, uniqueName } from '@busbar/testkit'
import { coldRequests } from '../support/cold-requests.js'

const rounds = Number(process.argv[2] ?? 40)
await using kafka = await startKafka({ fast: true, config: { 'group.initial.rebalance.delay.ms': '3000' } })
const names = { topic: uniqueName('cold-echo'), replyTopic: uniqueName('cold-replies') }
const measured = await coldRequests(kafka.brokers, names, rounds)
print(
  'createBus to first reply',
  measured.map(({ first }) => first),
)
print(
  '  of that, start',
  measured.map(({ start }) => start),
)
print(
  '  of that, the request',
  measured.map(({ first, start }) => first - start),
)
print(
  'later requests',
  measured.flatMap(({ later }) => later),
)

function print(what: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1)
  console.log(`${what}: min ${at(0)}, p50 ${at(0.5)}, p90 ${at(0.9)}, max ${at(1)} ms (${sorted.length})`)
}
