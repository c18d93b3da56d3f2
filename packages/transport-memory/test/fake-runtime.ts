import type { Runtime, Timer } from '@busbar/core'

interface PendingTimer {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
}

/** A runtime whose clock moves and whose turns happen only when a test says so. */
export class FakeRuntime implements Runtime {
  #nowMs = 1_000_000
  #order = 0
  #seed: number
  #deferred: (() => void)[] = []
  #timers: PendingTimer[] = []

  constructor(seed = 1) {
    this.#seed = seed
  }

  /** Timers that wait. */
  get timers(): number {
    return this.#timers.length
  }

  now(): number {
    return this.#nowMs
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback }
    this.#timers.push(timer)
    const cancel = () => {
      this.#timers = this.#timers.filter(other => other !== timer)
    }
    return { cancel }
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback)
  }

  random(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0
    return this.#seed / 2 ** 32
  }

  uuid(): string {
    return `id-${this.#order++}`
  }

  /** Runs turns, each with its microtasks, until none is left. The clock stands still. */
  async settle(): Promise<void> {
    await microtasks()
    for (let callback = this.#deferred.shift(); callback; callback = this.#deferred.shift()) {
      callback()
      await microtasks()
    }
  }

  /** Moves the clock, running timers when they are due. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs
    await this.settle()
    for (;;) {
      const next = this.#timers.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0]
      if (!next || next.dueMs > untilMs) break
      this.#timers.shift()
      this.#nowMs = next.dueMs
      next.callback()
      await this.settle()
    }
    this.#nowMs = untilMs
  }

  /** Runs turns until a promise is settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    promise.catch(() => {})
    await this.settle()
    return promise
  }
}

const microtasks = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
