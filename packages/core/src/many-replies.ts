import { BusbarError } from './error.js'

/** The answers to one `bus.requestMany`, as they come. */
export interface ManyReplies {
  /** After how many it ends; Infinity where it waits until its time is over. */
  readonly count: number
  /** Answers that have come, errors among them. */
  readonly received: number
  /** Those of them that are errors. */
  readonly failed: number
  /**
   * What it lacked, once it has ended: `REQUEST_TIMEOUT` where the time was over before `count` answers, or without a count
   * before any; `ABORTED` where whoever asked unsubscribed before any; else the first error, where all answers are errors.
   * Undefined where it got what it was for. The Observable completes all the same.
   */
  readonly failure: BusbarError | undefined
}

/** Counts the answers to one request. */
export class CountedReplies implements ManyReplies {
  readonly count: number
  readonly #request: string
  #received = 0
  #failed = 0
  #firstError: BusbarError | undefined
  #failure: BusbarError | undefined

  constructor(request: string, count: number) {
    this.#request = request
    this.count = count
  }

  get received(): number {
    return this.#received
  }

  get failed(): number {
    return this.#failed
  }

  get failure(): BusbarError | undefined {
    return this.#failure
  }

  /** @param error what the answer is, if no reply. */
  add(error?: BusbarError): void {
    this.#received += 1
    if (!error) return
    this.#failed += 1
    this.#firstError ??= error
  }

  /** Says how it ended, and with that whether it failed. */
  conclude(end: 'count' | 'timeout' | 'unsubscribed', timeoutMs: number): void {
    this.#failure = undefined
    const isEnough = this.#received >= (Number.isFinite(this.count) ? this.count : 1)
    if (end === 'timeout' && !isEnough) {
      const of = Number.isFinite(this.count) ? ` of ${this.count}` : ''
      const what = `${this.#received}${of} replies to ${this.#request} within ${timeoutMs} ms`
      this.#failure = new BusbarError(
        'REQUEST_TIMEOUT',
        `${what}: are its responders running, and are they fast enough? (options timeoutMs, count)`,
      )
    } else if (this.#received === 0) {
      this.#failure = new BusbarError('ABORTED', `the request ${this.#request} was given up before any reply`)
    } else if (this.#failed === this.#received) {
      this.#failure = this.#firstError
    }
  }
}
