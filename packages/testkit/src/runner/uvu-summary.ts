/** What uvu counted. A test that was skipped is not among the total. */
export interface UvuSummary {
  readonly total: number
  readonly passed: number
  readonly skipped: number
}

const SUMMARY = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)\n {2}Duration: /m

/** Reads the summary that uvu prints last; undefined when there is none (yet). */
export function uvuSummary(output: string): UvuSummary | undefined {
  const match = SUMMARY.exec(output)
  if (match === null) return undefined
  return { total: Number(match[1]), passed: Number(match[2]), skipped: Number(match[3]) }
}

const FAILED_TEST = /^ {3}FAIL {2}(.*)$/gm

/** The failed tests, as uvu names them: the suite, then the test in quotes. */
export function failedTests(output: string): string[] {
  return Array.from(output.matchAll(FAILED_TEST), match => match[1] as string)
}
