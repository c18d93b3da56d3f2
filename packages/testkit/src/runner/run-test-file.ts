import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { uvuSummary } from './uvu-summary.js'

/** What one test file came to. */
export interface FileResult {
  readonly passed: number
  readonly failed: number
  /** Tests that were skipped, and one for each thing that the file said it goes without. */
  readonly skipped: number
  /** What it said of that. */
  readonly missing: readonly string[]
  readonly durationMs: number
  /** What is wrong besides, or instead of, failed tests. */
  readonly problems: readonly string[]
  /** Both output streams, as they came. */
  readonly output: string
}

/** The limits of one test file. */
export interface FileLimits {
  /** How long the file may take. */
  readonly timeoutMs: number
  /** How long its process may live after the summary. */
  readonly leakMs: number
}

const WARNING = /^(\(node:\d+\) .*Warning\b.*|\w*Warning: .*)$/m
/** What the file says on standard error where tests need something that this machine has not. */
const MISSING = /^SKIPPED .*$/gm
const GONE_MS = 1_000

/**
 * Runs a test file in a process of its own. Never rejects: a file that hangs, dies, leaks or draws a warning from Node
 * has a problem, and each problem counts as a failure.
 */
export async function runTestFile(
  path: string,
  limits: FileLimits,
  environment: Readonly<Record<string, string>> = {},
): Promise<FileResult> {
  const start = Date.now()
  const problems: string[] = []
  const preload = join(import.meta.dirname, 'open-handles.js')
  const child = spawn(process.execPath, ['--import', preload, path], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...environment },
  })
  let output = ''
  let errors = ''
  const ended = new AbortController()
  let summarised: (() => void) | undefined
  const summary = new Promise<void>(resolve => {
    summarised = resolve
  })
  child.stdout.on('data', chunk => {
    output += String(chunk)
    if (uvuSummary(output) !== undefined) summarised?.()
  })
  child.stderr.on('data', chunk => {
    output += String(chunk)
    errors += String(chunk)
  })
  const closed = new Promise<void>(resolve => {
    child.once('close', () => resolve())
    child.once('error', error => {
      problems.push(`could not be started: ${error.message}`)
      resolve()
    })
    // A grandchild may hold the pipes open; the file itself has ended.
    child.once('exit', () => setTimeout(resolve, GONE_MS).unref())
  }).then(() => ended.abort())

  void after(limits.timeoutMs, ended.signal, async () => {
    problems.push(`did not end in ${limits.timeoutMs / 1000} s and was killed`)
    await killTalking(child)
  })
  void summary.then(() =>
    after(limits.leakMs, ended.signal, async () => {
      problems.push(
        `its process was still alive ${limits.leakMs / 1000} s after its summary: something is left open`,
      )
      await killTalking(child)
    }),
  )
  await closed

  const counts = uvuSummary(output)
  const failedTests = counts === undefined ? 0 : counts.total - counts.passed
  if (problems.length === 0) {
    if (counts === undefined)
      problems.push(`ended without a summary (${howEnded(child)}): a promise never settled?`)
    else if (child.exitCode !== 0 && failedTests === 0)
      problems.push(`passed, and then ended with ${howEnded(child)}`)
  }
  const missing = errors.match(MISSING) ?? []
  const warning = WARNING.exec(errors)?.[0]
  if (warning !== undefined) problems.push(`drew a warning: ${warning}`)
  return {
    passed: counts?.passed ?? 0,
    failed: failedTests + problems.length,
    skipped: (counts?.skipped ?? 0) + missing.length,
    missing,
    durationMs: Date.now() - start,
    problems,
    output,
  }
}

async function after(ms: number, ended: AbortSignal, act: () => Promise<void>): Promise<void> {
  const due = await sleep(ms, true, { signal: ended }).catch(() => false)
  if (due) await act()
}

/** Lets the process tell what it has open, then kills it. */
async function killTalking(child: ChildProcess): Promise<void> {
  child.kill('SIGUSR2')
  await sleep(200)
  child.kill('SIGKILL')
}

function howEnded(child: ChildProcess): string {
  return child.signalCode === null ? `exit code ${child.exitCode}` : `signal ${child.signalCode}`
}
