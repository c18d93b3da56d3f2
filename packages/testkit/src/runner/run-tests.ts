import { ServerUnavailable } from '../server-unavailable.js'
import { findTestFiles, type TestFile } from './find-test-files.js'
import { type FileResult, runTestFile } from './run-test-file.js'
import { sharedServers } from './shared-servers.js'
import { failedTests } from './uvu-summary.js'

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

/** Runs the compiled tests of all packages, with one server of each kind for all files that need it, and prints the totals. */
export async function runTests(options: RunTestsOptions): Promise<TestTotals> {
  const { root, filters = [], concurrency = 2, timeoutMs = 120_000, leakMs = 5_000 } = options
  const print = options.print ?? ((line: string) => console.log(line))
  const totals: TestTotals = { passed: 0, failed: 0, skipped: 0 }
  let files = await findTestFiles(root, filters)
  if (files.length === 0) {
    totals.failed++
    print(`FAIL  no test file ${filters.length === 0 ? 'was found' : `matches ${filters.join(' ')}`}`)
  }
  const failures: string[] = []
  const environment: Record<string, string> = {}
  const stops: (() => Promise<void>)[] = []
  const needed = sharedServers.filter(server => files.some(file => file.needs.includes(server)))
  const started = await Promise.all(needed.map(server => server.start().catch((error: Error) => error)))
  for (const [index, result] of started.entries()) {
    const server = needed[index] as (typeof needed)[number]
    if (!(result instanceof Error)) {
      environment[server.variable] = result.address
      stops.push(() => result.stop())
      continue
    }
    const without = files.filter(file => file.needs.includes(server))
    files = files.filter(file => !file.needs.includes(server))
    const unavailable = result instanceof ServerUnavailable
    totals[unavailable ? 'skipped' : 'failed'] += without.length
    const verdict = unavailable ? 'SKIPPED' : 'FAIL'
    const what = `${without.length} test files that need ${server.name}: ${result.message}`
    print(`${verdict}  ${what}`)
    if (!unavailable) failures.push(`      ${what}`)
    for (const file of without) print(`        ${file.name}`)
  }

  const queue = [...files]
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const result = await runTestFile(file.path, { timeoutMs, leakMs }, environment)
      totals.passed += result.passed
      totals.failed += result.failed
      totals.skipped += result.skipped
      for (const line of report(file, result)) print(line)
      const causes = [...result.problems, ...failedTests(result.output)]
      failures.push(...causes.map(cause => `      ${file.name}: ${cause}`))
    }
  }
  try {
    await Promise.all(Array.from({ length: concurrency }, worker))
  } finally {
    await Promise.all(stops.map(stop => stop()))
  }
  if (options.skipFails === true && totals.skipped > 0) print('FAIL  nothing may be skipped where CI is set')
  // Once more, as a log may be long, or have been cut in the middle.
  if (failures.length > 0) for (const line of ['FAIL  all that failed:', ...failures.sort()]) print(line)
  print(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  return totals
}

function report(file: TestFile, result: FileResult): string[] {
  const seconds = `${(result.durationMs / 1000).toFixed(1)} s`
  const skipped = result.skipped === 0 ? '' : `, ${result.skipped} skipped`
  if (result.failed === 0)
    return [`ok    ${file.name}: ${result.passed} passed${skipped}, ${seconds}`, ...result.missing]
  return [
    `FAIL  ${file.name}: ${result.failed} failed, ${result.passed} passed${skipped}, ${seconds}`,
    ...result.problems.map(problem => `      ${file.name} ${problem}`),
    result.output.trimEnd(),
    `----  end of ${file.name}`,
  ]
}
