import type { Runtime, Timer } from '@busbar/core'
import type { ConsumerOptions } from './options.js'

/** So long without a crash, and the next one counts as the first. */
const stableMs = 30_000

/** Counts how often in a row a consumer died, and says when it may be started again. */
export class RestartPolicy {
  readonly #runtime: Runtime
  readonly #bounds: ConsumerOptions['restarts']
  #restarts = 0
  #stable: Timer | undefined

  constructor(runtime: Runtime, bounds: ConsumerOptions['restarts']) {
    this.#runtime = runtime
    this.#bounds = bounds
  }

  /** It has joined: if it lives on for a while, what was is forgotten. */
  joined(): void {
    this.#stable?.cancel()
    this.#stable = this.#runtime.setTimer(stableMs, () => this.progressed())
  }

  /** Its work has moved on. */
  progressed(): void {
    this.#restarts = 0
  }

  /** It has died: the how-manieth restart comes after how many milliseconds; undefined when they are used up. */
  died(): { readonly restart: number; readonly delayMs: number } | undefined {
    this.stop()
    const { limit, delayMs, maxDelayMs } = this.#bounds
    if (this.#restarts >= limit) return undefined
    this.#restarts += 1
    return { restart: this.#restarts, delayMs: Math.min(maxDelayMs, delayMs * 2 ** (this.#restarts - 1)) }
  }

  stop(): void {
    this.#stable?.cancel()
    this.#stable = undefined
  }
}
