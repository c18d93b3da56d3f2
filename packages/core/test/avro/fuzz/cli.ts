import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type FuzzReport, runFuzz } from './run-fuzz.js'
import { subjects } from './subjects.js'

/**
 * `pnpm fuzz:avro [--mutations=100000] [--seed=1] [--write]`
 *
 * Runs in a thread with little memory, watched from outside: neither a hang nor an allocation without bound can hide.
 */
const patienceMs = 10_000
const memoryMb = 128

interface Job {
  readonly mutations: number
  readonly seed: number
}

if (isMainThread) await watch()
else {
  const { mutations, seed } = workerData as Job
  parentPort?.postMessage({ report: runFuzz(mutations, seed, done => parentPort?.postMessage({ done })) })
}

async function watch(): Promise<void> {
  const job: Job = { mutations: numberOf('mutations', 100_000), seed: numberOf('seed', 1) }
  const worker = new Worker(new URL(import.meta.url), {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
  })
  let done = 0
  const report = await new Promise<FuzzReport>((resolve, reject) => {
    const hang = () =>
      reject(new Error(`no progress for ${patienceMs} ms after mutation ${done}, seed ${job.seed}`))
    let timer = setTimeout(hang, patienceMs)
    worker.on('message', (message: { readonly done?: number; readonly report?: FuzzReport }) => {
      clearTimeout(timer)
      timer = setTimeout(hang, patienceMs)
      done = message.done ?? done
      if (!message.report) return
      clearTimeout(timer)
      resolve(message.report)
    })
    worker.on('error', reject)
  }).finally(() => void worker.terminate())
  const text = resultOf(report, job)
  console.log(text)
  for (const violation of report.violations.slice(0, 20)) console.log(violation)
  if (process.argv.includes('--write')) {
    await writeFile(join(import.meta.dirname, '../../../../../docs/results/avro-fuzz.md'), text)
  }
  if (report.violations.length > 0) process.exitCode = 1
}

function numberOf(option: string, byDefault: number): number {
  const given = process.argv.find(each => each.startsWith(`--${option}=`))
  return given === undefined ? byDefault : Number(given.split('=')[1])
}

function resultOf(report: FuzzReport, { seed }: Job): string {
  const readers = subjects.reduce((sum, { readers: each }) => sum + each.length, 0)
  const errors = Object.entries(report.errors).map(([code, count]) => `| \`${code}\` | ${count} |`)
  return `# Mutated Avro records

${report.mutations} mutations (bits flipped; cut off; bytes inserted, removed, doubled; spliced with another record; a
random number in place of another) of valid records of ${subjects.length} schemas (${subjects.map(({ name }) => name).join(', ')}), each given to one of
${readers} readers: the writer's own schema or an evolved one, bare and in the Confluent wire format. They run in a thread with a heap of
${memoryMb} MiB, watched from outside for a hang.

Each must become an error of the codec's, or a value that the reader's schema can write and read again as the same, of a
size in proportion to its bytes.

    pnpm fuzz:avro --mutations=${report.mutations} --seed=${seed} --write

| outcome | mutations |
|---|---|
| valid value | ${report.values} |
${errors.join('\n')}
| crash, hang, other error, invalid value, out of proportion | ${report.violations.length} |

The slowest took ${report.slowestMs.toFixed(0)} ms, checks of the value included; the most that a byte became was ${report.mostPartsPerByte.toFixed(0)} items, fields, or
characters.
`
}
