import { randomUUID } from 'node:crypto'
import { BusbarError, type Claim, type Completion, type IdempotencyStore } from '@busbar/core'
import type { Pool } from 'pg'
import { ExpiredRows } from './expired-rows.js'
import { isSerializationFailure, postgresFailure } from './postgres-failure.js'
import { storeKey } from './store-key.js'
import { quotedTable } from './table-name.js'

export interface PostgresStoreOptions {
  /** `table` or `schema.table`, made by {@link migrate}. Default: `busbar_idempotency`. */
  readonly table?: string
  /** How often expired rows are looked for, in passing of a claim, in milliseconds. Default: 60,000. */
  readonly cleanEveryMs?: number
}

/** An idempotency store that can also be cleaned by hand. */
export interface PostgresStore extends IdempotencyStore {
  /** Removes up to 1,000 expired rows and resolves their number. Claims do it by themselves, too. */
  clean(): Promise<number>
}

/**
 * An idempotency store on Postgres: every step is one statement, and leases and times to live run by the server's clock.
 * For marks that commit together with a handler's own effect, see {@link transactional}.
 *
 * Its methods reject with a retryable `BusbarError` `CONNECTION_FAILED` when Postgres fails.
 *
 * @throws BusbarError `CONFIG_INVALID` for a table's name that is none.
 */
export function postgresStore(pool: Pool, options: PostgresStoreOptions = {}): PostgresStore {
  const table = quotedTable(options.table ?? 'busbar_idempotency')
  return new TableStore(pool, table, new ExpiredRows(pool, table, options.cleanEveryMs ?? 60_000))
}

interface ClaimRow {
  readonly won: boolean
  readonly completed: boolean
  readonly result: Buffer | null
  readonly lease_ms: number
}

// What is claimed has a token; what is completed has none.
class TableStore implements PostgresStore {
  readonly #pool: Pool
  readonly #table: string
  readonly #expired: ExpiredRows

  constructor(pool: Pool, table: string, expired: ExpiredRows) {
    this.#pool = pool
    this.#table = table
    this.#expired = expired
  }

  async claim(key: string, leaseMs: number): Promise<Claim> {
    const { id, text } = storeKey(key)
    const token = randomUUID()
    const lease = milliseconds('leaseMs', leaseMs)
    this.#expired.cleanInPassing()
    for (;;) {
      const row = await this.#claim(id, text, token, lease)
      if (row?.won) return { kind: 'claimed', token }
      if (row?.completed) return { kind: 'completed', result: row.result ?? undefined }
      if (row) return { kind: 'busy', leaseMs: Math.max(1, Math.ceil(row.lease_ms)) }
      // The row that stood in the way came after this statement's snapshot, or is gone again: look anew.
    }
  }

  async #claim(id: Buffer, text: string, token: string, leaseMs: number): Promise<ClaimRow | undefined> {
    const sql = `with won as (
  insert into ${this.#table} as mark (id, key, token, expires_at)
  values ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond')
  on conflict (id) do update set token = excluded.token, result = null, expires_at = excluded.expires_at
    where mark.expires_at <= clock_timestamp()
  returning true
)
select true as won, false as completed, null::bytea as result, 0::float8 as lease_ms from won
union all
select false, token is null, result, extract(epoch from expires_at - clock_timestamp())::float8 * 1000
from ${this.#table} where id = $1 and expires_at > clock_timestamp() and not exists (select from won)`
    try {
      const { rows } = await this.#pool.query<ClaimRow>(sql, [id, text, token, leaseMs])
      return rows[0]
    } catch (cause) {
      if (isSerializationFailure(cause)) return undefined
      throw postgresFailure('claiming an idempotency key', cause)
    }
  }

  async renew(key: string, token: string, leaseMs: number): Promise<boolean> {
    return this.#change(
      'renewing a claim',
      `update ${this.#table} set expires_at = clock_timestamp() + $3 * interval '1 millisecond'
where id = $1 and token = $2 and expires_at > clock_timestamp()`,
      [storeKey(key).id, token, milliseconds('leaseMs', leaseMs)],
    )
  }

  async complete(key: string, token: string, { ttlMs, result }: Completion): Promise<boolean> {
    return this.#change(
      'completing a claim',
      `update ${this.#table} set token = null, result = $4, expires_at = clock_timestamp() + $3 * interval '1 millisecond'
where id = $1 and token = $2 and expires_at > clock_timestamp()`,
      [
        storeKey(key).id,
        token,
        milliseconds('ttlMs', ttlMs),
        result === undefined ? null : Buffer.from(result),
      ],
    )
  }

  async release(key: string, token: string): Promise<void> {
    const sql = `delete from ${this.#table} where id = $1 and token = $2`
    await this.#change('releasing a claim', sql, [storeKey(key).id, token])
  }

  async clean(): Promise<number> {
    return this.#expired.clean().catch((cause: unknown) => {
      throw postgresFailure('removing expired keys', cause)
    })
  }

  async #change(doing: string, sql: string, values: unknown[]): Promise<boolean> {
    for (;;) {
      try {
        const { rowCount } = await this.#pool.query(sql, values)
        return rowCount === 1
      } catch (cause) {
        if (!isSerializationFailure(cause)) throw postgresFailure(doing, cause)
      }
    }
  }
}

/** Refuses what is no time, as a number of milliseconds. */
export function milliseconds(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value
  throw new BusbarError('CONFIG_INVALID', `"${name}" must be a positive number of milliseconds, got ${value}`)
}
