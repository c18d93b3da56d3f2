// Two instances pipe a topic into another exactly once, and one of them after the other is killed at random: prints what came of it.
import { startKafka } from '@busbar/testkit'
import { exactlyOnceRun } from '../support/exactly-once-run.js'

const records = Number(process.argv[2] ?? 50_000)
const kills = Number(process.argv[3] ?? 10)
const seed = Number(process.argv[4] ?? Math.floor(Math.random() * 1e9))
console.log(`${records} records, ${kills} kills, seed ${seed}`)
await using kafka = await startKafka()
const { outputs, handled, failed, tookMs } = await exactlyOnceRun({
  brokers: kafka.brokers,
  records,
  kills,
  seed,
})
console.log(
  `${outputs} outputs, each once and in the order of its key; ${handled - outputs} records were handled again, ` +
    `${failed} transactions of survivors failed, ` +
    `${Math.round(tookMs / 100) / 10} s`,
)
