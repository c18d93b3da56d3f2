import { reasonOf } from '../error.js'
import { systemRuntime } from '../runtime.js'
import type { Activities } from './activities.js'
import { TestBusError } from './test-bus-error.js'
import type { VirtualRuntime } from './virtual-runtime.js'

export interface VirtualClockOptions {
  readonly seed: number
  readonly runtime: VirtualRuntime
  readonly activities: Activities
  /** How long, in real milliseconds, to wait for handlers that await something real. */
  readonly realTimeoutMs: number
}

/** Turns of the event loop in which a handler may come back from real promises before waiting costs real time. */
const quickTurns = 20

/** The clock of a test: it stands still until the test moves it. */
export class VirtualClock {
  readonly #options: VirtualClockOptions
  /** Calls from within a tracked function: whoever waits for that function waits for them. */
  #inner = 0

  constructor(options: VirtualClockOptions) {
    this.#options = options
  }

  /** Milliseconds since the epoch. */
  get now(): number {
    return this.#options.runtime.now()
  }

  /**
   * Moves the clock, and runs whatever comes due on the way, each at its time and with everything that it causes. Real
   * time plays no part: an hour takes as long as what happens in it.
   */
  async advance(ms: number): Promise<void> {
    await this.advanceUntil(() => false, ms)
  }

  /** As `advance`, but stops as soon as a condition holds; resolves with whether it does. */
  advanceUntil(isDone: () => boolean, withinMs: number): Promise<boolean> {
    return this.#drive(isInner => this.#advance(isDone, withinMs, isInner))
  }

  /** Moves the clock until something that must end has ended, a minute at most. Rejects as it does. */
  async until(work: Promise<unknown>, doing: string): Promise<void> {
    const { seed } = this.#options
    let end: { readonly thrown?: unknown } | undefined
    void work.then(
      () => {
        end = {}
      },
      (thrown: unknown) => {
        end = { thrown }
      },
    )
    const isOver = await this.advanceUntil(() => end !== undefined, 60_000)
    if (!isOver) throw new TestBusError(seed, `${doing} did not end within a minute of virtual time`)
    if (end && 'thrown' in end)
      throw new TestBusError(seed, `${doing}: ${reasonOf(end.thrown)}`, [end.thrown])
  }

  /** Runs what there is to run without moving the clock. */
  settle(): Promise<void> {
    return this.#drive(isInner => this.#settle(isInner))
  }

  async #drive<T>(run: (isInner: boolean) => Promise<T>): Promise<T> {
    const caller = this.#options.activities.current
    if (!caller) return run(false)
    caller.timers += 1
    this.#inner += 1
    try {
      return await run(true)
    } finally {
      caller.timers -= 1
      this.#inner -= 1
    }
  }

  async #advance(isDone: () => boolean, withinMs: number, isInner: boolean): Promise<boolean> {
    const { runtime } = this.#options
    const endMs = this.now + withinMs
    for (;;) {
      await this.#settle(isInner)
      if (isDone()) return true
      const { nextDueMs } = runtime
      if (nextDueMs === undefined || nextDueMs > endMs) break
      runtime.moveTo(nextDueMs)
    }
    runtime.moveTo(endMs)
    await this.#settle(isInner)
    return isDone()
  }

  async #settle(isInner: boolean): Promise<void> {
    const { runtime, activities, realTimeoutMs, seed } = this.#options
    let waitedSinceMs: number | undefined
    for (let quiet = 0; ; quiet += 1) {
      const before = runtime.turns
      await turn()
      if (runtime.isBusy || runtime.turns !== before || (this.#inner > 0 && !isInner)) {
        quiet = 0
        waitedSinceMs = undefined
        continue
      }
      const waiting = activities.unparked
      if (waiting.length === 0) return
      if (quiet < quickTurns) continue
      waitedSinceMs ??= systemRuntime.now()
      if (systemRuntime.now() - waitedSinceMs > realTimeoutMs) {
        const labels = waiting.map(({ label }) => label).join('; ')
        throw new TestBusError(
          seed,
          `nothing happened for ${realTimeoutMs} ms of real time, and still running: ${labels}. They await something that the virtual clock does not move, such as a real timer or I/O (option realTimeoutMs)`,
        )
      }
      await new Promise<void>(resolve => void systemRuntime.setTimer(1, resolve))
    }
  }
}

function turn(): Promise<void> {
  return new Promise(resolve => systemRuntime.defer(resolve))
}
