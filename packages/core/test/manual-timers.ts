import type { Runtime } from '@busbar/core'

/** A runtime whose timers run only when a test moves the clock. */
export class ManualTimers implements Runtime {
  #nowMs = 0
  #pending: { dueMs: number; callback: () => void }[] = []

  readonly now = () => this.#nowMs
  readonly defer = (callback: () => void) => void setImmediate(callback)
  readonly random = () => 0.5
  readonly uuid = () => 'id'

  get pending(): number {
    return this.#pending.length
  }

  setTimer(delayMs: number, callback: () => void) {
    const timer = { dueMs: this.#nowMs + delayMs, callback }
    this.#pending.push(timer)
    const cancel = () => {
      this.#pending = this.#pending.filter(other => other !== timer)
    }
    return { cancel }
  }

  /** Runs what falls due, in order, each followed by its microtasks. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs
    for (;;) {
      const next = this.#pending.filter(timer => timer.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0]
      if (!next) break
      this.#pending = this.#pending.filter(timer => timer !== next)
      this.#nowMs = next.dueMs
      next.callback()
      await microtasks()
    }
    this.#nowMs = untilMs
  }
}

/** Resolves after every microtask that is due. */
export const microtasks = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
