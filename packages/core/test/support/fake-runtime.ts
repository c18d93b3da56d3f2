import type { Runtime, Timer } from '@busbar/core'

interface PendingTimer {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
}

/** A runtime whose clock moves only when a test says so; deferred turns run by themselves. */
export class FakeRuntime implements Runtime {
  #nowMs = 1_000_000
  #order = 0
  #timers = new Set<PendingTimer>()
  /** What `random` gives. */
  randomValue = 0.5

  now(): number {
    return this.#nowMs
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  defer(callback: () => void): void {
    setImmediate(callback)
  }

  random(): number {
    return this.randomValue
  }

  uuid(): string {
    return `id-${this.#order++}`
  }

  /** Timers that neither fired nor were cancelled. */
  get pending(): number {
    return this.#timers.size
  }

  /** Milliseconds until each pending timer, the next first. */
  get delays(): number[] {
    return [...this.#timers].map(timer => timer.dueMs - this.#nowMs).sort((a, b) => a - b)
  }

  /** Moves the clock, running timers when they are due, each followed by everything that it sets off. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs
    await settle()
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)
      if (!next || next.dueMs > untilMs) break
      this.#timers.delete(next)
      this.#nowMs = next.dueMs
      next.callback()
      await settle()
    }
    this.#nowMs = untilMs
  }
}

/** Lets deferred turns and microtasks run until what they set off has come to rest. */
export async function settle(turns = 8): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve))
}
