import { type Bus, BusbarError, type EncodeOptions, type EventDefinition, systemRuntime } from '@busbar/core'
import { postgresFailure } from '../postgres-failure.js'
import { quotedTable } from '../table-name.js'
import { OutboxRelay } from './relay.js'
import type { Relay, RelayOptions } from './relay-contract.js'
import { channelSql, slotCount, slotOf } from './slots.js'
import { headersToJson } from './stored-headers.js'

export interface OutboxOptions {
  /** Validates and encodes what is published, and runs its publish middleware. Needs no start for that. */
  readonly bus: Bus
  /** `table` or `schema.table`, made by `migrate`. Default: `busbar_outbox`. */
  readonly table?: string
  /**
   * Whether a commit wakes the relays at once. Postgres lets transactions that notify commit one at a time; a database
   * that commits thousands of them a second may rather leave it to the relays' polling. Default: true.
   */
  readonly notify?: boolean
}

/** What runs a query within the user's transaction: a client of `pg`, or anything that passes on text and values. */
export interface TransactionClient {
  query(text: string, values: unknown[]): Promise<unknown>
}

/** Events that are published if, and only if, the transaction that they were written in commits. */
export interface Outbox {
  /**
   * Writes an event within a transaction; it's published by a {@link Outbox.relay} once the transaction has committed.
   * Resolves with the event's id. Rejects with `PAYLOAD_INVALID`, or `CONNECTION_FAILED` when Postgres fails.
   */
  publish<Out, In>(
    client: TransactionClient,
    event: EventDefinition<Out, In>,
    payload: In,
    options?: EncodeOptions,
  ): Promise<OutboxReceipt>
  /** Starts publishing what was committed, until it's closed. Many can run side by side, in one process or many. */
  relay(options: RelayOptions): Relay
}

export interface OutboxReceipt {
  /** The id of the event (`ce_id`). */
  readonly id: string
}

/** Makes an outbox over a table. @throws BusbarError `CONFIG_INVALID` */
export function createOutbox(options: OutboxOptions): Outbox {
  const name = options.table ?? 'busbar_outbox'
  const table = quotedTable(name)
  const sql = insertSql(table, options.notify ?? true)
  return {
    async publish(client, event, payload, encodeOptions) {
      refusePool(client)
      const record = await options.bus.encode(event, payload, encodeOptions)
      const { topic, partition, key, value, headers, timestampMs } = record
      // Without a key there is no order to keep.
      const slot = key === null ? Math.floor(systemRuntime.random() * slotCount) : slotOf(topic, key)
      const values = [
        slot,
        topic,
        partition ?? null,
        bytesOf(key),
        bytesOf(value),
        headersToJson(headers),
        timestampMs,
      ]
      await client.query(sql, values).catch((cause: unknown) => {
        throw postgresFailure(`writing ${event.name} to the outbox`, cause)
      })
      return { id: String(headers['ce_id']) }
    },
    relay: relayOptions => new OutboxRelay(table, { bus: options.bus, ...relayOptions }),
  }
}

/**
 * The writer's lock is taken before the id is drawn, and held until the transaction ends, so that a relay can see who may
 * still commit an id below one that it sees. It is shared: writers never wait for each other.
 */
function insertSql(table: string, notify: boolean): string {
  const sequence = `pg_get_serial_sequence('${table}', 'id')`
  return `with lock as materialized (
  select pg_advisory_xact_lock_shared('${table}'::regclass::oid::int, $1::int)
),
inserted as (
  insert into ${table} (id, slot, topic, partition, key, value, headers, timestamp_ms)
  select nextval(${sequence}), $1::int, $2, $3::int, $4::bytea, $5::bytea, $6::json, $7::bigint from lock
)
select ${notify ? `pg_notify(${channelSql(table)}, '')` : ''}`
}

function bytesOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function refusePool(client: TransactionClient): void {
  if (typeof client?.query === 'function' && !('totalCount' in client)) return
  throw new BusbarError(
    'CONFIG_INVALID',
    'outbox.publish: the first argument must be the client that your transaction runs on, and not a pool',
  )
}
