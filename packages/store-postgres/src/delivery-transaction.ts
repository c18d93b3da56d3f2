import { BusbarError } from '@busbar/core'
import type { Pool, PoolClient } from 'pg'
import { checkOut } from './check-out.js'
import { isSerializationFailure, postgresFailure } from './postgres-failure.js'
import { lockNumber, type StoreKey } from './store-key.js'

interface Connection {
  isBroken: boolean
  readonly onError: (cause: Error) => void
}

/** The transaction of one delivery, on a connection of its own until it has ended. */
export class DeliveryTransaction implements AsyncDisposable {
  readonly client: PoolClient
  readonly #connection: Connection
  #ended = false

  private constructor(client: PoolClient, connection: Connection) {
    this.client = client
    this.#connection = connection
  }

  /** @param onLost called when the connection dies while nobody waits for an answer of it. */
  static async begin(
    pool: Pool,
    sql: string,
    onLost: (cause: BusbarError) => void,
  ): Promise<DeliveryTransaction> {
    const doing = 'beginning the transaction of a delivery'
    const connection: Connection = {
      isBroken: false,
      onError(cause) {
        connection.isBroken = true
        onLost(postgresFailure('the connection of the transaction was lost', cause))
      },
    }
    const client = await checkOut(pool, doing, connection.onError)
    const transaction = new DeliveryTransaction(client, connection)
    try {
      await client.query(sql)
      return transaction
    } catch (cause) {
      transaction.#end(true)
      throw postgresFailure(doing, cause)
    }
  }

  /**
   * Marks a delivery as completed, for when the transaction commits. `busy`: another transaction is about to, or somebody
   * holds a claim of the key.
   */
  async mark(table: string, key: StoreKey, ttlMs: number): Promise<'marked' | 'completed' | 'busy'> {
    // The lock is tried and not waited for: whoever waits would hold a connection. Without it the insert itself would wait.
    const sql = `with lock as materialized (select pg_try_advisory_xact_lock($4::bigint) as won),
inserted as (
  insert into ${table} as mark (id, key, token, expires_at)
  select $1, $2, null, clock_timestamp() + $3 * interval '1 millisecond' from lock where won
  on conflict (id) do update set token = null, result = null, expires_at = excluded.expires_at
    where mark.expires_at <= clock_timestamp()
  returning true
)
select (select won from lock) as won, exists (select from inserted) as marked`
    try {
      const values = [key.id, key.text, ttlMs, lockNumber(key)]
      const { rows } = await this.client.query<{ won: boolean; marked: boolean }>(sql, values)
      if (rows[0]?.marked) return 'marked'
      if (!rows[0]?.won) return 'busy'
      const found = await this.client.query(`select from ${table} where id = $1 and token is null`, [key.id])
      return found.rowCount === 1 ? 'completed' : 'busy'
    } catch (cause) {
      if (isSerializationFailure(cause)) return 'busy'
      throw postgresFailure('marking a delivery', cause)
    }
  }

  /** @throws BusbarError when it did not commit, or nobody knows. */
  async commit(): Promise<void> {
    let command: string
    try {
      command = (await this.client.query('commit')).command
    } catch (cause) {
      throw postgresFailure('committing the transaction of a delivery', cause)
    }
    this.#end(false)
    // Postgres answers the commit of a failed transaction with a rollback, and calls that a success.
    if (command === 'COMMIT') return
    throw new BusbarError(
      'HANDLER_FAILED',
      'the transaction of a delivery was rolled back, because a query in it had failed: let the failure of a query end the handler, or put the query behind a savepoint',
    )
  }

  /** Undoes everything and gives the connection back; never rejects. */
  async rollback(): Promise<void> {
    if (this.#ended) return
    const undo = () =>
      this.client.query('rollback').then(
        () => true,
        () => false,
      )
    const isUndone = !this.#connection.isBroken && (await undo())
    this.#end(!isUndone)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rollback()
  }

  #end(destroy: boolean): void {
    this.#ended = true
    this.client.removeListener('error', this.#connection.onError)
    // What is thrown away may still say that it is broken.
    if (destroy) this.client.on('error', () => {})
    this.client.release(destroy)
  }
}
