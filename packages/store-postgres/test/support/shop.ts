import {
  type Bus,
  BusbarError,
  createBus,
  defineEvent,
  type OutboundRecord,
  silentLogger,
} from '@busbar/core'
import { createOutbox, migrate, type Outbox, type Relay, type RelayOptions } from '@busbar/store-postgres'
import { eventually, uniqueName } from '@busbar/testkit'
import type { PoolClient } from 'pg'
import type { TestDatabase } from './database.js'
import { sendingTransport } from './fake-transport.js'

export const Placed = defineEvent<{ order: string; text?: string }>('placed', {
  topic: 'orders',
  key: ({ order }) => order,
})

/** An outbox of its own, whose relays send to `log` unless `fault` says otherwise. */
export interface Shop extends AsyncDisposable {
  readonly outbox: Outbox
  /** What its relays publish by, and what tells their health. */
  readonly bus: Bus
  readonly table: string
  /** The texts of what arrived, in order. */
  readonly log: string[]
  /** Called before a send: what it throws is what the transport says. */
  fault: (records: readonly OutboundRecord[]) => unknown
  relay(options?: Partial<RelayOptions>): Relay
  /** Begins a transaction. */
  begin(): Promise<PoolClient>
  /** Writes an event in a transaction. */
  place(client: PoolClient, order: string, text: string): Promise<void>
  /** Writes and commits. */
  placed(order: string, text: string): Promise<void>
  end(client: PoolClient, how: 'commit' | 'rollback'): Promise<void>
  /** Waits until these texts have arrived, and nothing else. */
  arrived(...texts: string[]): Promise<void>
  pending(): Promise<number>
}

export async function shop(database: TestDatabase): Promise<Shop> {
  const { pool } = database
  const table = uniqueName('outbox').replace('-', '_')
  await migrate(pool, { idempotency: false, outbox: table })
  const log: string[] = []
  const relays: Relay[] = []
  const transport = sendingTransport(async records => {
    await made.fault(records)
    log.push(...records.map(textOf))
  })
  const bus = createBus({ name: 'shop', transport, logger: silentLogger })
  await bus.start()
  const outbox = createOutbox({ bus, table })
  const made: Shop = {
    outbox,
    bus,
    table,
    log,
    fault: () => {},
    relay(options = {}) {
      const relay = outbox.relay({
        pool,
        logger: silentLogger,
        backoff: { delayMs: 5, maxDelayMs: 50 },
        ...options,
      })
      relays.push(relay)
      return relay
    },
    async begin() {
      const client = await pool.connect()
      await client.query('begin')
      return client
    },
    async place(client, order, text) {
      await outbox.publish(client, Placed, { order, text })
    },
    async placed(order, text) {
      const client = await made.begin()
      await made.place(client, order, text)
      await made.end(client, 'commit')
    },
    async end(client, how) {
      await client.query(how)
      client.release()
    },
    async arrived(...texts) {
      await eventually(() => {
        if (log.join() !== texts.join()) throw new Error(`arrived: ${log.join()}, expected: ${texts.join()}`)
      })
    },
    async pending() {
      return (await pool.query<{ n: number }>(`select count(*)::int as n from ${table}`)).rows[0]?.n ?? -1
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(relays.map(each => each.close()))
      await bus.close()
    },
  }
  return made
}

function textOf({ value }: OutboundRecord): string {
  return (JSON.parse(Buffer.from(value ?? []).toString()) as { text: string }).text
}

/** Refuses those records of a send that match, and stores the others, as a transport may. */
export function refusing(log: string[], matches: (text: string) => boolean, error: BusbarError) {
  return (records: readonly OutboundRecord[]): void => {
    const failures = records.flatMap((record, index) => (matches(textOf(record)) ? [{ index, error }] : []))
    if (failures.length === 0) return
    if (failures.length === records.length) throw error
    log.push(...records.map(textOf).filter(text => !matches(text)))
    throw new BusbarError('PUBLISH_PARTIAL', 'some were refused', { failures })
  }
}
