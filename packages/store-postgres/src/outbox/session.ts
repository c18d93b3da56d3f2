import type { Runtime } from '@busbar/core'
import type { Pool, PoolClient, QueryResultRow } from 'pg'
import { checkOut } from '../check-out.js'
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

interface Connection {
  /** Why it can't be used any more. */
  lost?: unknown
}

/** What a table is known by to the server. */
interface Identity {
  readonly oid: number
  readonly channel: string
  readonly sequence: string
}

const answerMs = 30_000

// A host that is gone without a word must not keep its slots for hours: the server asks after 10 s. And statistics of a
// queue are always old: whatever they say, a few rows by slot and id are best found by the index. (What is
// off counts as very expensive, and what is expensive would be compiled first, for half a second.)
const sessionSettings = [
  ...['tcp_keepalives_idle = 10', 'tcp_keepalives_interval = 5', 'tcp_keepalives_count = 3'],
  ...['enable_seqscan = off', 'enable_hashjoin = off', 'enable_mergejoin = off', 'jit = off'],
]
  .map(setting => `set ${setting}`)
  .join(';')

/**
 * A relay's connection, and the slots that it owns: advisory locks, which the server gives up with the connection. So
 * whoever has lost it owns nothing, and does nothing more with what it read.
 */
export class Session implements AsyncDisposable {
  readonly slots = new Set<number>()
  readonly #client: PoolClient
  readonly #runtime: Runtime
  readonly #oid: number
  /** The sequence of the ids, quoted. */
  readonly #sequence: string
  readonly #connection: Connection

  private constructor(
    client: PoolClient,
    { runtime, onNews }: SessionOptions,
    { oid, sequence }: Identity,
    connection: Connection,
  ) {
    this.#client = client
    this.#runtime = runtime
    this.#oid = oid
    this.#sequence = sequence
    this.#connection = connection
    client.on('notification', onNews)
  }

  /** @throws BusbarError when there is no connection to be had, or no table. */
  static async open(options: SessionOptions): Promise<Session> {
    const { pool, table } = options
    const doing = 'connecting a relay'
    const connection: Connection = {}
    const client = await checkOut(pool, doing, error => {
      connection.lost = error
      options.onNews()
    })
    try {
      const { rows } = await client.query<Identity>(
        `select '${table}'::regclass::oid::int as oid, ${channelSql(table)} as channel, pg_get_serial_sequence('${table}', 'id') as sequence`,
      )
      const identity = rows[0] as Identity
      await client.query(sessionSettings)
      await client.query(`listen "${identity.channel}"`)
      await client.query('select pg_advisory_lock_shared($1::int, $2::int)', [identity.oid, lockOf.relay])
      return new Session(client, options, identity, connection)
    } catch (cause) {
      client.release(true)
      throw postgresFailure(doing, cause)
    }
  }

  /** @throws BusbarError also when no answer comes within 30 s; the session is of no use after it. */
  async query<Row extends QueryResultRow>(doing: string, sql: string, values: unknown[]): Promise<Row[]> {
    if (this.#connection.lost !== undefined) throw postgresFailure(doing, this.#connection.lost)
    let timer: { cancel(): void } | undefined
    const late = new Promise<never>((_, reject) => {
      timer = this.#runtime.setTimer(answerMs, () => reject(new Error(`no answer within ${answerMs} ms`)))
    })
    try {
      const { rows } = await Promise.race([this.#client.query<Row>(sql, values), late])
      return rows
    } catch (cause) {
      this.#connection.lost ??= cause
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

  /**
   * The last id that was drawn, and then, by slot, the transactions that have written to it and not ended yet. In this
   * order: a writer that is missing from the second has either ended, or draws an id above the first.
   */
  async drawnAndWriters(): Promise<{ top: bigint; writers: ReadonlyMap<number, ReadonlySet<string>> }> {
    // The subquery needs the sequence's row, and so comes after it. Neither minds the statement's snapshot.
    const rows = await this.query<{ top: string; writers: [slot: number, transaction: string][] | null }>(
      'looking into the outbox',
      `select (case when is_called then last_value else 0 end)::text as top, (
  select json_agg(json_build_array(objid::int, virtualtransaction)) from pg_locks
  where last_value > 0 and locktype = 'advisory' and objsubid = 2 and mode = 'ShareLock' and granted
    and classid = $1::int::oid and objid < ${slotCount}
    and database = (select oid from pg_database where datname = current_database())
) as writers from ${this.#sequence}`,
      [this.#oid],
    )
    const writers = new Map<number, Set<string>>()
    for (const [slot, transaction] of rows[0]?.writers ?? []) {
      writers.set(slot, (writers.get(slot) ?? new Set()).add(transaction))
    }
    return { top: BigInt(rows[0]?.top ?? 0), writers }
  }

  /** Gives up everything that is held; never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.slots.clear()
    // Not back into the pool: locks, settings and the listening go with the connection.
    this.#client.release(true)
  }
}
