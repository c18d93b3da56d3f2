import { SHARED_KAFKA_VARIABLE } from '../kafka/kafka-for-tests.js'
import { KafkaUnavailable } from '../kafka/kafka-unavailable.js'
import { type RunningKafka, startKafka } from '../kafka/start-kafka.js'
import { findTestFiles, type TestFile } from './find-test-files.js'
import { type FileResult, runTestFile } from './run-test-file.js'

/** How to run the tests. */
export interface RunTestsOptions {
  /** The workspace's top folder. */
  readonly root: string
  /** Only files whose path has one of these in it; all when empty. */
  readonly filters?: readonly string[]
  /** How many files run at a time (default 2). */
  readonly concurrency?: number
  /** How long one file may take (default two minutes). */
  readonly timeoutMs?: number
  /** How long a file's process may live after its summary (default five seconds). */
  readonly leakMs?: number
  /** Whether to say that skipped tests are a failure (default false). */
  readonly skipFails?: boolean
  /** Where lines go (default: standard output). */
  readonly print?: (line: string) => void
}

/** What a run came to. */
export interface TestTotals {
  passed: number
  failed: number
  /** Tests that were skipped, and one for each file that was. */
  skipped: number
}

/** Runs the compiled tests of all packages, with one Kafka broker for all files that need it, and prints the totals. */
export async function runTests(options: RunTestsOptions): Promise<TestTotals> {
  const { root, filters = [], concurrency = 2, timeoutMs = 120_000, leakMs = 5_000 } = options
  const print = options.print ?? ((line: string) => console.log(line))
  const totals: TestTotals = { passed: 0, failed: 0, skipped: 0 }
  let files = await findTestFiles(root, filters)
  if (files.length === 0) {
    totals.failed++
    print(`FAIL  no test file ${filters.length === 0 ? 'was found' : `matches ${filters.join(' ')}`}`)
  }
  const kafka = await sharedKafka(files)
  if (kafka instanceof Error) {
    const without = files.filter(file => file.needsKafka)
    files = files.filter(file => !file.needsKafka)
    const unavailable = kafka instanceof KafkaUnavailable
    totals[unavailable ? 'skipped' : 'failed'] += without.length
    print(
      `${unavailable ? 'SKIPPED' : 'FAIL'}  ${without.length} test files that need Kafka: ${kafka.message}`,
    )
    for (const file of without) print(`        ${file.name}`)
  }
  const environment: Record<string, string> =
    kafka === undefined || kafka instanceof Error ? {} : { [SHARED_KAFKA_VARIABLE]: kafka.brokers.join(',') }

  const queue = [...files]
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const result = await runTestFile(file.path, { timeoutMs, leakMs }, environment)
      totals.passed += result.passed
      totals.failed += result.failed
      totals.skipped += result.skipped
      for (const line of report(file, result)) print(line)
    }
  }
  try {
    await Promise.all(Array.from({ length: concurrency }, worker))
  } finally {
    if (kafka !== undefined && !(kafka instanceof Error)) await kafka.stop()
  }
  if (options.skipFails === true && totals.skipped > 0) print('FAIL  nothing may be skipped where CI is set')
  print(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  return totals
}

async function sharedKafka(files: readonly TestFile[]): Promise<RunningKafka | Error | undefined> {
  if (!files.some(file => file.needsKafka)) return undefined
  return await startKafka().catch((error: Error) => error)
}

function report(file: TestFile, result: FileResult): string[] {
  const seconds = `${(result.durationMs / 1000).toFixed(1)} s`
  const skipped = result.skipped === 0 ? '' : `, ${result.skipped} skipped`
  if (result.failed === 0) return [`ok    ${file.name}: ${result.passed} passed${skipped}, ${seconds}`]
  return [
    `FAIL  ${file.name}: ${result.failed} failed, ${result.passed} passed${skipped}, ${seconds}`,
    ...result.problems.map(problem => `      ${file.name} ${problem}`),
    result.output.trimEnd(),
    `----  end of ${file.name}`,
  ]
}
