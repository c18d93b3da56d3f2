import { type BusbarError, type Logger, type Runtime, reasonOf, type Timer } from '@busbar/core'

export interface CommitSchedulerOptions {
  readonly runtime: Runtime
  readonly logger: Logger
  /** Milliseconds between two commits while there is more and more to commit. */
  readonly intervalMs: number
  /** Commits what there is to commit at that moment. Resolves to false where there was nothing. */
  readonly commit: () => Promise<boolean>
}

/** When everything is finished a commit need not wait for the interval, but commits do keep this distance. */
const idleDelayMs = 20
const idleDistanceMs = 100
/** So many commits in a row may fail before that is more than a passing trouble. */
const toleratedFailures = 3

/** Decides when to commit: on a timer, soon after the work where nothing is left to do, and at once on request. */
export class CommitScheduler {
  readonly #options: CommitSchedulerOptions
  #timer: Timer | undefined
  #dueAt = Number.POSITIVE_INFINITY
  #lastAt = Number.NEGATIVE_INFINITY
  #running: Promise<void> | undefined
  #failures = 0
  #stopped = false

  constructor(options: CommitSchedulerOptions) {
    this.#options = options
  }

  /** There is something to commit; `idle`: and nothing else to wait for. Cheap: called once for each finished record. */
  request(idle: boolean): void {
    if (this.#stopped || (this.#timer !== undefined && !idle)) return
    const { runtime, intervalMs } = this.#options
    const now = runtime.now()
    const delayMs = idle
      ? Math.min(intervalMs, Math.max(idleDelayMs, this.#lastAt + idleDistanceMs - now))
      : intervalMs
    if (now + delayMs >= this.#dueAt) return
    this.#timer?.cancel()
    this.#dueAt = now + delayMs
    this.#timer = runtime.setTimer(delayMs, () => {
      this.#disarm()
      void this.flush()
    })
  }

  /** Commits now: after the commit that is under way, if any, what there is to commit then. Never rejects. */
  async flush(): Promise<void> {
    await this.#running
    if (this.#running) return this.flush()
    this.#disarm()
    this.#running = this.#commit()
    await this.#running
  }

  /** Commits nothing more by itself. */
  stop(): void {
    this.#stopped = true
    this.#disarm()
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#dueAt = Number.POSITIVE_INFINITY
  }

  async #commit(): Promise<void> {
    const { commit, logger, runtime } = this.#options
    try {
      if (await commit()) this.#lastAt = runtime.now()
      this.#failures = 0
    } catch (error) {
      this.#failures += 1
      const level = this.#failures > toleratedFailures ? 'warn' : 'debug'
      const { code } = error as BusbarError
      logger[level](
        { code, reason: reasonOf(error), failures: this.#failures },
        'positions were not committed; trying again',
      )
      this.#running = undefined
      this.request(false)
    } finally {
      this.#running = undefined
    }
  }
}
