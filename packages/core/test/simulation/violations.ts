/** What an oracle found to be wrong. */
export interface Violation {
  /** The promise that is broken. */
  readonly oracle: string
  readonly what: string
}

/** Violations of one run, bounded: one fault may show a thousand times. */
export class Violations {
  readonly list: Violation[] = []

  add(oracle: string, what: string): void {
    if (this.list.length < 20) this.list.push({ oracle, what })
  }
}
