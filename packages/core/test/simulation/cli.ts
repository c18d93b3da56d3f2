import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { runSeed, type SeedResult } from './run-seed.js'

/** Seeds from `first` on, every `step`th, up to `last`. */
interface Share {
  readonly first: number
  readonly last: number
  readonly step: number
}

if (isMainThread) process.exitCode = await main()
else for await (const result of resultsOf(workerData as Share)) parentPort?.postMessage(result)

/** Runs the model program over many seeds, on all processors, and prints what came of it; 1 where an oracle objects. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      'until-found': { type: 'boolean', default: false },
      workers: { type: 'string', default: String(availableParallelism()) },
    },
  })
  const [first, count, workers] = [Number(values.from), Number(values.seeds), Number(values.workers)]
  const last = first + count - 1
  const start = performance.now()
  const results: SeedResult[] = []
  const controller = new AbortController()
  const shares = Array.from({ length: workers }, (_, worker) => ({
    first: first + worker,
    last,
    step: workers,
  }))
  await Promise.all(
    shares.map(share =>
      inWorker(share, controller.signal, result => {
        results.push(result)
        if (result.violations.length > 0) {
          print(result)
          if (values['until-found']) controller.abort()
        }
      }),
    ),
  )
  const seconds = (performance.now() - start) / 1_000
  const bad = results.filter(({ violations }) => violations.length > 0)
  const steps = results.reduce((sum, result) => sum + result.steps, 0)
  const effects = results.reduce((sum, result) => sum + result.effects, 0)
  console.log(
    `${results.length} seeds, ${bad.length} with violations, ${steps} steps, ${effects} effects, ${seconds.toFixed(1)} s, ${(results.length / seconds).toFixed(1)} seeds/s (${cpus()[0]?.model ?? 'unknown'}, ${workers} workers, Node ${process.versions.node})`,
  )
  return bad.length > 0 ? 1 : 0
}

function print({ seed, violations }: SeedResult): void {
  console.log(`seed ${seed}: ${violations.length} violations (again with --from ${seed} --seeds 1)`)
  for (const { oracle, what } of violations.slice(0, 5)) console.log(`  ${oracle}: ${what}`)
}

async function* resultsOf({ first, last, step }: Share): AsyncGenerator<SeedResult> {
  for (let seed = first; seed <= last; seed += step) yield await runSeed(seed)
}

function inWorker(share: Share, stop: AbortSignal, onResult: (result: SeedResult) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share, argv: process.argv.slice(2) })
    worker.on('message', onResult)
    worker.once('error', reject)
    worker.once('exit', () => resolve())
    stop.addEventListener('abort', () => void worker.terminate(), { once: true })
  })
}
