/** How a bus is. */
export interface BusHealth {
  /** `red` while there is a problem that somebody should look at. */
  readonly status: 'green' | 'red'
  readonly problems: readonly HealthProblem[]
}

/** Something that keeps records from being finished. */
export interface HealthProblem {
  /** What it is about: a record of a subscription, or the consumer of a group. */
  readonly what: string
  readonly reason: string
  /** Since when, in milliseconds since the epoch. */
  readonly sinceMs: number
}

/** The problems of a bus that are not over. */
export class Health {
  readonly #now: () => number
  readonly #problems = new Map<string, HealthProblem>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Notes a problem; one that is noted already keeps its beginning. */
  raise(what: string, reason: string): void {
    const sinceMs = this.#problems.get(what)?.sinceMs ?? this.#now()
    this.#problems.set(what, { what, reason, sinceMs })
  }

  /** Notes that a problem is over, if there was one. */
  clear(what: () => string): void {
    if (this.#problems.size > 0) this.#problems.delete(what())
  }

  report(): BusHealth {
    const problems = [...this.#problems.values()]
    return { status: problems.length === 0 ? 'green' : 'red', problems }
  }
}
