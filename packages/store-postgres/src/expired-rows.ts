import { systemRuntime } from '@busbar/core'
import type { Pool } from 'pg'

const stepRows = 1_000

/** Removes expired rows in passing, in steps that are too small to be felt. */
export class ExpiredRows {
  readonly #pool: Pool
  readonly #table: string
  readonly #everyMs: number
  #nextAt: number
  #running = false

  constructor(pool: Pool, table: string, everyMs: number) {
    this.#pool = pool
    this.#table = table
    this.#everyMs = everyMs
    this.#nextAt = systemRuntime.now() + everyMs * systemRuntime.random()
  }

  /** Starts a step if one is due; a full one is followed by the next at once. Nobody waits for it. */
  cleanInPassing(): void {
    if (this.#running || systemRuntime.now() < this.#nextAt) return
    this.#running = true
    void this.clean()
      .then(
        removed => removed === stepRows,
        // Whatever is wrong, whoever uses the store hears of it; and rows that are left are found the next time.
        () => false,
      )
      .then(more => {
        this.#running = false
        this.#nextAt = systemRuntime.now() + (more ? 0 : this.#everyMs)
      })
  }

  /** Removes up to 1,000 expired rows and resolves their number. */
  async clean(): Promise<number> {
    const { rowCount } = await this.#pool.query(
      `delete from ${this.#table} where id in (
  select id from ${this.#table} where expires_at <= clock_timestamp() order by expires_at limit ${stepRows} for update skip locked
)`,
    )
    return rowCount ?? 0
  }
}
