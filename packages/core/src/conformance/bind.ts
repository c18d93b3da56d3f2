import assert from 'node:assert/strict'
import { systemRuntime } from '../runtime.js'
import type { Transport } from '../transport.js'
import { allCases } from './all-cases.js'
import { CaseQueue } from './case-queue.js'
import type { ConformanceCase } from './conformance-case.js'
import { type ConformanceHarness, unmet } from './harness.js'
import { within } from './waiting.js'
import { World } from './world.js'

/** Where the cases are registered: `test` and `skip` of uvu, `node:test`, vitest, … */
export interface CaseRunner {
  /** Registers a test. */
  test(name: string, run: () => Promise<void>): unknown
  /** Reports a case that does not run. */
  skip(name: string, reason: string): unknown
}

/** A case and, if it does not apply, the reason. */
export interface PlannedCase {
  readonly case: ConformanceCase
  readonly skip: string | undefined
}

/** A case has as long as this many waits. */
const waitsOfCase = 4

/**
 * Registers every conformance case for a transport, as a test or as a skip with its reason.
 *
 * @throws Error when `skip` names a case that does not exist.
 */
export function conformance<T extends Transport>(harness: ConformanceHarness<T>, runner: CaseRunner): void {
  const planned = planCases(harness)
  // The cases hand a transport only back to the harness that made it.
  const anyHarness = harness as unknown as ConformanceHarness
  const replyTopic = `conformance-replies-${systemRuntime.uuid().slice(-12)}`
  const runnable = planned.filter(({ skip }) => skip === undefined).map(plan => plan.case)
  const queue = new CaseQueue(runnable, harness.concurrency ?? 1, each =>
    runCase(each, anyHarness, replyTopic),
  )
  for (const { case: each, skip } of planned) {
    const name = `${harness.name}: ${each.name}`
    if (skip === undefined) runner.test(name, () => queue.resultOf(each))
    else runner.skip(name, skip)
  }
}

/** Which cases apply to a transport, and why the others do not. */
export function planCases<T extends Transport>(harness: ConformanceHarness<T>): PlannedCase[] {
  const { skip = {} } = harness
  const { capabilities } = harness.createTransport()
  for (const name of Object.keys(skip)) {
    assert(
      allCases.some(each => each.name === name),
      `"${name}" is to be skipped and is no conformance case`,
    )
  }
  return allCases.map(each => {
    const missing = each.requires.map(needed =>
      unmet(needed, harness as unknown as ConformanceHarness, capabilities),
    )
    return { case: each, skip: skip[each.name] ?? missing.find(reason => reason !== undefined) }
  })
}

async function runCase(
  each: ConformanceCase,
  harness: ConformanceHarness,
  replyTopic: string,
): Promise<void> {
  const world = new World(harness, replyTopic)
  try {
    await within((harness.timeoutMs ?? 10_000) * waitsOfCase, each.name, each.run(world))
  } catch (thrown) {
    // What went wrong first is the news; that it does not close either may be its consequence.
    await world.end().catch(() => {})
    throw thrown
  }
  await world.end()
}
