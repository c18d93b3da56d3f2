import type { Runtime } from '@busbar/core'
import type { Pool, PoolClient, QueryResultRow } from 'pg'
import { postgresFailure } from '../postgres-failure.js'
import { channelSql, lockOf, slotCount } from './slots.js'

export interface SessionOptions {
  readonly pool: Pool
  /** The outbox's table, quoted. */
  readonly table: string
  readonly runtime: Runtime
  /** Something was committed, or the connection is gone. */
  readonly onNews: () => void
}

const answerMs = 30_000

/**
 * A relay's connection, and the slots that it owns: advisory locks, which the server gives up with the connection. So
 * whoever has lost it owns nothing, and does nothing more with what it read.
 */
export class Session implements AsyncDisposable {
  readonly slots = new Set<number>()
  readonly #client: PoolClient
  readonly #runtime: Runtime
  readonly #oid: number
  #lost: unknown

  private constructor(
    client: PoolClient,
    { runtime, onNews }: SessionOptions,
    oid: number,
    lost: { reason?: unknown },
  ) {
    this.#client = client
    this.#runtime = runtime
    this.#oid = oid
    this.#lost = lost.reason
    client.on('error', (error: unknown) => {
      this.#lost = error
      onNews()
    })
    client.on('notification', onNews)
  }

  /** @throws BusbarError when there is no connection to be had, or no table. */
  static async open(options: SessionOptions): Promise<Session> {
    const { pool, table } = options
    const doing = 'connecting a relay'
    const client = await pool.connect().catch((cause: unknown) => {
      throw postgresFailure(doing, cause)
    })
    const lost: { reason?: unknown } = {}
    const onError = (error: unknown) => {
      lost.reason = error
    }
    client.on('error', onError)
    try {
      const { rows } = await client.query<{ oid: number; channel: string }>(
        `select '${table}'::regclass::oid::int as oid, ${channelSql(table)} as channel`,
      )
      const { oid = 0, channel = '' } = rows[0] ?? {}
      // A host that is gone without a word must not keep its slots for hours: the server asks after 10 s.
      await client.query(
        `set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3`,
      )
      await client.query(`listen "${channel}"`)
      await client.query('select pg_advisory_lock_shared($1::int, $2::int)', [oid, lockOf.relay])
      return new Session(client, options, oid, lost)
    } catch (cause) {
      client.release(true)
      throw postgresFailure(doing, cause)
    }
  }

  /** @throws BusbarError also when no answer comes within 30 s; the session is of no use after it. */
  async query<Row extends QueryResultRow>(doing: string, sql: string, values: unknown[]): Promise<Row[]> {
    if (this.#lost !== undefined) throw postgresFailure(doing, this.#lost)
    let timer: { cancel(): void } | undefined
    const late = new Promise<never>((_, reject) => {
      timer = this.#runtime.setTimer(answerMs, () => reject(new Error(`no answer within ${answerMs} ms`)))
    })
    try {
      const { rows } = await Promise.race([this.#client.query<Row>(sql, values), late])
      return rows
    } catch (cause) {
      this.#lost ??= cause
      throw postgresFailure(doing, cause)
    } finally {
      timer?.cancel()
    }
  }

  /** Takes free slots or gives some up, so that every relay comes to own its share. Not while rows are being sent. */
  async takeShare(): Promise<void> {
    const locks = await this.query<{ relays: number; owned: number[] }>(
      'counting relays',
      `select count(*) filter (where objid = ${lockOf.relay})::int as relays,
  array_agg(objid::int) filter (where objid >= ${lockOf.owner(0)}) as owned
from pg_locks where locktype = 'advisory' and objsubid = 2 and granted and classid = $1::int::oid
  and database = (select oid from pg_database where datname = current_database())`,
      [this.#oid],
    )
    const { relays = 1, owned } = locks[0] ?? {}
    const share = Math.ceil(slotCount / Math.max(1, relays))
    const surplus = [...this.slots].slice(share)
    if (surplus.length > 0) await this.#giveUp(surplus)
    const wanted = share - this.slots.size
    const taken = new Set(owned)
    const free = Array.from({ length: slotCount }, (_, slot) => slot).filter(
      slot => !taken.has(lockOf.owner(slot)),
    )
    if (wanted <= 0 || free.length === 0) return
    // Relays that start together begin their search at different places.
    const start = Math.floor(this.#runtime.random() * free.length)
    const tried = [...free.slice(start), ...free.slice(0, start)].slice(0, wanted)
    const won = await this.query<{ slot: number; won: boolean }>(
      'taking slots',
      `select slot, pg_try_advisory_lock($1::int, slot + ${lockOf.owner(0)}) as won from unnest($2::int[]) slot`,
      [this.#oid, tried],
    )
    for (const each of won) if (each.won) this.slots.add(each.slot)
  }

  async #giveUp(slots: readonly number[]): Promise<void> {
    for (const slot of slots) this.slots.delete(slot)
    await this.query(
      'giving slots up',
      `select pg_advisory_unlock($1::int, slot + ${lockOf.owner(0)}) from unnest($2::int[]) slot`,
      [this.#oid, slots],
    )
  }

  /** The transactions that have written to a slot and not ended yet, by slot. A query to build others from. */
  get writersSql(): string {
    return `select objid::int as slot, array_agg(virtualtransaction) as transactions from pg_locks
where locktype = 'advisory' and objsubid = 2 and mode = 'ShareLock' and granted and classid = (${this.#oid})::int::oid
  and objid < ${slotCount} and database = (select oid from pg_database where datname = current_database())
group by objid`
  }

  /** Gives up everything that is held; never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.slots.clear()
    // Not back into the pool: locks, settings and the listening go with the connection.
    this.#client.release(true)
  }
}
