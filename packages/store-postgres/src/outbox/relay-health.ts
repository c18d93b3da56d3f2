import { type Bus, type HealthProblem, type Runtime, reasonOf } from '@busbar/core'
import type { FailingTopic } from './held-topics.js'

export interface RelayHealthOptions {
  /** The outbox's table, quoted. */
  readonly table: string
  readonly runtime: Runtime
  readonly stalledAfterMs: number
}

interface Finding {
  readonly reason: string
  /** In milliseconds since the epoch. */
  readonly sinceMs: number
}

/** What keeps a relay from publishing, as its bus tells it. It asks nobody: its relay says what it sees. */
export class RelayHealth {
  readonly what: string
  readonly stalledAfterMs: number
  readonly #table: string
  readonly #runtime: Runtime
  /** Since when nothing has been found out from Postgres, and why, once that is known. */
  #away: { readonly sinceMs: number; readonly reason?: string } | undefined
  #sending: { readonly records: number; sinceMs: number } | undefined
  #heldUpSinceMs: number | undefined
  #stoppedMs: number | undefined

  constructor({ table, runtime, stalledAfterMs }: RelayHealthOptions) {
    this.what = `relay of outbox ${table}`
    this.stalledAfterMs = stalledAfterMs
    this.#table = table
    this.#runtime = runtime
    this.#away = { sinceMs: runtime.now() }
  }

  /** Postgres, or its connection, failed. */
  lost(thrown: unknown): void {
    this.#away = { sinceMs: this.#away?.sinceMs ?? this.#runtime.now(), reason: reasonOf(thrown) }
    this.#heldUpSinceMs = undefined
  }

  /** Postgres has told what there is. */
  found(): void {
    this.#away = undefined
  }

  /** What was committed waits for a transaction since then; undefined: no more. */
  heldUp(sinceMs: number | undefined): void {
    this.#heldUpSinceMs = sinceMs
  }

  /** Its bus was closed. */
  stopped(): void {
    this.#stoppedMs = this.#runtime.now()
  }

  /** Sends records by a bus that tells whenever some were stored, or refused. */
  async sending<T>(
    bus: Pick<Bus, 'send'>,
    records: number,
    send: (bus: Pick<Bus, 'send'>) => Promise<T>,
  ): Promise<T> {
    const sending = { records, sinceMs: this.#runtime.now() }
    this.#sending = sending
    const answered = () => {
      sending.sinceMs = this.#runtime.now()
    }
    try {
      return await send({ send: each => bus.send(each).finally(answered) })
    } finally {
      this.#sending = undefined
    }
  }

  problems(failing: readonly FailingTopic[]): readonly HealthProblem[] {
    const own = [this.#stop(), this.#absence(), this.#slowness(), this.#wait()].flatMap(each => each ?? [])
    return [
      ...own.map(each => ({ kind: 'outbox' as const, what: this.what, ...each })),
      ...failing.map(each => this.#failure(each)),
    ]
  }

  #stop(): Finding | undefined {
    const sinceMs = this.#stoppedMs
    return sinceMs === undefined
      ? undefined
      : { reason: 'it has stopped, because its bus was closed', sinceMs }
  }

  #absence(): Finding | undefined {
    if (!this.#away) return undefined
    const { reason, sinceMs } = this.#away
    if (reason !== undefined) return { reason: `Postgres failed: ${reason}`, sinceMs }
    return this.#ifLong(
      sinceMs,
      seconds => `no connection to Postgres was to be had for ${seconds}: are those of its pool used up?`,
    )
  }

  #slowness(): Finding | undefined {
    if (!this.#sending) return undefined
    const { records, sinceMs } = this.#sending
    return this.#ifLong(
      sinceMs,
      seconds =>
        `${records === 1 ? '1 record is' : `${records} records are`} being sent, and the broker has answered none for ${seconds}`,
    )
  }

  #wait(): Finding | undefined {
    if (this.#heldUpSinceMs === undefined) return undefined
    return this.#ifLong(
      this.#heldUpSinceMs,
      seconds =>
        `records wait for a transaction that wrote to the outbox before them and has been open for ${seconds}: give it an end`,
    )
  }

  #failure({ topic, error, failures, sinceMs }: FailingTopic): HealthProblem {
    const what = `topic ${topic} of outbox ${this.#table}`
    const times = failures === 1 ? 'once' : `${failures} times`
    return { kind: 'outbox', what, reason: `publishing failed ${times}: ${error.message}`, sinceMs, topic }
  }

  #ifLong(sinceMs: number, reasonOf: (seconds: string) => string): Finding | undefined {
    const ms = this.#runtime.now() - sinceMs
    if (ms < this.stalledAfterMs) return undefined
    return { reason: reasonOf(`${Math.round(ms / 1_000)} s`), sinceMs }
  }
}
