import { createUuidSource, type Runtime, systemRuntime, type Timer } from '../runtime.js'
import type { Activities } from './activities.js'
import { SeededRandom } from './seeded-random.js'
import { type QueuedTimer, TimerQueue } from './timer-queue.js'

/** 2026-01-01T00:00:00Z: the same for every run, since ids hold the time. */
const startMs = 1_767_225_600_000

/**
 * A runtime whose clock stands still until it is moved. Deferred callbacks and timers that are due run by themselves,
 * one per turn with all its microtasks, in an order that the seed decides.
 */
export class VirtualRuntime implements Runtime {
  readonly #schedule: SeededRandom
  readonly #values: SeededRandom
  readonly #activities: Activities
  readonly #timers = new TimerQueue()
  readonly #ready: (() => void)[] = []
  readonly uuid: () => string
  #nowMs = startMs
  #isPumping = false
  /** Counts callbacks that have run. */
  turns = 0

  constructor(seed: number, activities: Activities) {
    // Two sources: another draw by the program must not change what runs when.
    this.#schedule = new SeededRandom(seed)
    this.#values = new SeededRandom(seed ^ 0x5bd1e995)
    this.#activities = activities
    this.uuid = createUuidSource(
      () => this.#nowMs,
      () => Uint32Array.from({ length: 32 }, () => this.#values.word()),
    )
  }

  now(): number {
    return this.#nowMs
  }

  random(): number {
    return this.#values.next()
  }

  defer(callback: () => void): void {
    this.#ready.push(callback)
    this.#pump()
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const owner = this.#activities.current
    let isOpen = true
    const close = () => {
      if (isOpen && owner) owner.timers -= 1
      isOpen = false
    }
    if (owner) owner.timers += 1
    const timer: QueuedTimer = {
      // Whole milliseconds, as a real clock shows them.
      dueMs: this.#nowMs + Math.ceil(Math.max(0, delayMs)),
      order: this.#schedule.next(),
      cancelled: false,
      callback: () => {
        if (timer.cancelled) return
        close()
        callback()
      },
    }
    this.#timers.add(timer)
    if (delayMs <= 0) this.#pump()
    return {
      cancel: () => {
        timer.cancelled = true
        close()
      },
    }
  }

  /** Whether something is left to run before the clock moves. */
  get isBusy(): boolean {
    return this.#isPumping || this.#ready.length > 0
  }

  /** When the next timer is due. */
  get nextDueMs(): number | undefined {
    return this.#timers.nextDueMs
  }

  /** Moves the clock; timers that are due then run by themselves. Not beyond {@link nextDueMs}: each at its time. */
  moveTo(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, Math.ceil(nowMs))
    this.#pump()
  }

  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    systemRuntime.defer(this.#turn)
  }

  readonly #turn = (): void => {
    for (let due = this.#timers.takeDue(this.#nowMs); due; due = this.#timers.takeDue(this.#nowMs)) {
      this.#ready.push(due.callback)
    }
    if (this.#ready.length === 0) {
      this.#isPumping = false
      return
    }
    this.turns += 1
    // The rest follows in a turn of its own, after the microtasks of this one, also when this one throws.
    systemRuntime.defer(this.#turn)
    takeAt(this.#ready, this.#schedule.below(this.#ready.length))()
  }
}

/** Removes an item without moving the others up: their order is drawn anyway. */
function takeAt<T>(items: T[], index: number): T {
  const taken = items[index] as T
  const last = items.pop() as T
  if (index < items.length) items[index] = last
  return taken
}

/** The part of a runtime that one process sees: once that is killed, none of its callbacks comes any more. */
export class ProcessRuntime implements Runtime {
  readonly #runtime: Runtime
  #isAlive = true

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  kill(): void {
    this.#isAlive = false
  }

  now(): number {
    return this.#runtime.now()
  }

  random(): number {
    return this.#runtime.random()
  }

  uuid(): string {
    return this.#runtime.uuid()
  }

  defer(callback: () => void): void {
    this.#runtime.defer(() => {
      if (this.#isAlive) callback()
    })
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    return this.#runtime.setTimer(delayMs, () => {
      if (this.#isAlive) callback()
    })
  }
}
