// The command behind `pnpm matrix`: every combination on both transports, and the page that shows what came of it.
// Options: --brokers=<host:port,…> (default: a broker that is started for it), --write: into docs/results.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startKafka, uniqueName } from '@busbar/testkit'
import { deaths, kinds, middlewares, shapes } from '../matrix/cases.js'
import { kafkaHost } from '../matrix/kafka-host.js'
import { memoryHost } from '../matrix/memory-host.js'
import { type DeathResult, type MatrixHost, runDeath } from '../matrix/run-matrix.js'

const { values } = parseArgs({
  options: { brokers: { type: 'string' }, write: { type: 'boolean', default: false } },
})
const started = values.brokers === undefined ? await startKafka() : undefined
const brokers = values.brokers?.split(',') ?? started?.brokers ?? []

const rows: string[] = []
let violations = 0
for (const open of [memoryHost, () => kafkaHost(brokers)] as (() => Promise<
  MatrixHost & AsyncDisposable
>)[]) {
  for (const death of deaths) {
    await using host = await open()
    const result = await runDeath(host, death, uniqueName('matrix'), () => true, 300_000)
    violations += result.violations.length
    for (const each of result.violations) console.error(`${host.name}, ${death}: ${each}`)
    rows.push(rowOf(host.name, result))
    console.log(rows.at(-1))
  }
}
await started?.stop()
if (values.write) {
  const page = join(import.meta.dirname, '../../../../docs/results/failure-matrix.md')
  const [before = ''] = readFileSync(page, 'utf8').split(/^\| transport/m)
  const head = [
    '| transport | killed | cases | died there | dead letters | repeated effects | violations | s |',
    '|---|---|---|---|---|---|---|---|',
  ]
  writeFileSync(page, `${before}${[...head, ...rows].join('\n')}\n`)
}
console.log(
  `${kinds.length * middlewares.length * shapes.length * deaths.length} combinations on each, ${violations} violations`,
)
process.exitCode = violations > 0 ? 1 : 0

function rowOf(
  transport: string,
  { death, cases, died, deadLetters, repeated, violations: found, seconds }: DeathResult,
): string {
  const effects = middlewares.map(name => `${name} ${repeated[name] ?? 0}`).join(', ')
  return `| ${transport} | ${death} | ${cases} | ${died} | ${deadLetters} | ${effects} | ${found.length} | ${seconds.toFixed(1)} |`
}
