// Writers, relays that are killed, and a check of what arrived: node packages/store-postgres/dist-test/programs/outbox-trial.js
//   [--orders=10000] [--writers=8] [--relays=2] [--kill-every=700] [--kafka]
import { parseArgs } from 'node:util'
import { eventually, startKafka, uniqueName } from '@busbar/testkit'
import { testDatabase } from '../support/database.js'
import { kafkaLog } from '../support/kafka-log.js'
import { logServer } from '../support/log-server.js'
import { outboxTrial, problemsOf } from '../support/outbox-trial.js'

const { values } = parseArgs({
  options: {
    orders: { type: 'string', default: '10000' },
    writers: { type: 'string', default: '8' },
    relays: { type: 'string', default: '2' },
    'kill-every': { type: 'string', default: '700' },
    kafka: { type: 'boolean', default: false },
  },
})

await using database = await testDatabase()
if (database === undefined) throw new Error('this needs Postgres')
await using server = await logServer()
const kafka = values.kafka ? await startKafka() : undefined
const topic = uniqueName('orders')
const { committed, rolledBack, kills, writingMs, relayedMs } = await outboxTrial({
  database,
  target: kafka?.brokers.join(',') ?? String(server.port),
  topic,
  orders: Number(values.orders),
  writers: Number(values.writers),
  customers: 200,
  relays: Number(values.relays),
  killEveryMs: Number(values['kill-every']),
  random: Math.random,
})
const reader = kafka && (await kafkaLog(kafka.brokers, topic))
const log = reader?.log ?? server.log
const seen = () => new Set(log.map(({ id }) => id)).size
await eventually(
  () => {
    if (seen() < committed.length) throw new Error(`${seen()} of ${committed.length} have arrived`)
  },
  { timeoutMs: 60_000 },
)
const problems = problemsOf(committed, log)
console.log(`transactions: ${values.orders}, of which ${rolledBack} rolled back`)
console.log(
  `events committed: ${committed.length}, arrived: ${seen()} different ones, ${log.length - seen()} duplicates`,
)
console.log(`relays killed with SIGKILL: ${kills}`)
console.log(
  `written in ${(writingMs / 1000).toFixed(1)} s, outbox empty after ${(relayedMs / 1000).toFixed(1)} s`,
)
console.log(
  problems.length === 0
    ? 'nothing missing, nothing invented, every key in order'
    : problems.slice(0, 10).join('\n'),
)
process.exitCode = problems.length === 0 ? 0 : 1
await reader?.[Symbol.asyncDispose]()
await kafka?.stop()
