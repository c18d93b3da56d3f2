import type { BusbarError, Runtime } from '@busbar/core'
import { type BackoffOptions, backoffMs } from './backoff.js'

/** A topic that can't be published to for now. */
export interface FailingTopic {
  readonly topic: string
  readonly error: BusbarError
  /** Failures in a row. */
  readonly failures: number
  /** Since when it fails, in milliseconds since the epoch. */
  readonly sinceMs: number
  /** When it's tried again, in milliseconds since the epoch. */
  readonly untilMs: number
}

/** The topics that failed, and until when each is left alone. */
export class HeldTopics {
  readonly #topics = new Map<string, FailingTopic>()
  readonly #backoff: BackoffOptions
  readonly #runtime: Runtime

  constructor(backoff: BackoffOptions, runtime: Runtime) {
    this.#backoff = backoff
    this.#runtime = runtime
  }

  get all(): readonly FailingTopic[] {
    return [...this.#topics.values()]
  }

  /** Those to be left alone at present. */
  get names(): readonly string[] {
    const now = this.#runtime.now()
    return this.all.filter(({ untilMs }) => untilMs > now).map(({ topic }) => topic)
  }

  /** When the next one may be tried again, in milliseconds since the epoch. */
  get nextMs(): number {
    const now = this.#runtime.now()
    return Math.min(...this.all.map(({ untilMs }) => untilMs).filter(untilMs => untilMs > now))
  }

  hold(topic: string, error: BusbarError): FailingTopic {
    const now = this.#runtime.now()
    const { failures: before = 0, sinceMs = now } = this.#topics.get(topic) ?? {}
    const failures = before + 1
    const untilMs = now + backoffMs(this.#backoff, failures, this.#runtime.random())
    const held = { topic, error, failures, sinceMs, untilMs }
    this.#topics.set(topic, held)
    return held
  }

  release(topic: string): void {
    this.#topics.delete(topic)
  }

  /** Of all others nothing waits any more: it was set aside or deleted, or another relay has it now. */
  releaseExcept(topics: readonly string[]): void {
    for (const topic of this.#topics.keys()) if (!topics.includes(topic)) this.release(topic)
  }
}
