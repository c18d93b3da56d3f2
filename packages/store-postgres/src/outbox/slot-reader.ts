import type { OutboundRecord } from '@busbar/core'
import type { Session } from './session.js'
import { headersFromJson } from './stored-headers.js'

/** A row of the outbox, ready to be sent. */
export interface PendingRow {
  /** A bigint, as text. */
  readonly id: string
  readonly slot: number
  readonly record: OutboundRecord
}

/**
 * A line below which all that will ever commit can be seen: `top` was seen, and every transaction of `writers`, which
 * could still have committed an id below it, has ended.
 */
interface Fence {
  readonly top: string
  writers: ReadonlySet<string>
}

interface SlotState {
  /** Nothing is left to be sent at or below it, so that reading begins above what vacuum could not remove yet. */
  floor: string
  fence: Fence | undefined
}

interface StoredRow {
  readonly id: string
  readonly slot: number
  readonly topic: string
  readonly partition: number | null
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: string
  readonly timestamp_ms: string
}

/**
 * Reads the rows of slots in the order of their ids, and none before all smaller ids of its slot have committed or never
 * will.
 *
 * Ids are drawn in one order and commit in another: a row that is seen says nothing about smaller ids. But a writer takes
 * a lock of the slot before it draws an id, and holds it until its transaction has ended. So: look at the highest id, then
 * at who holds the lock; once all of those have ended, everything up to that id that will ever be there can be seen.
 * Transactions that wrote nothing to the slot don't matter, however long they take.
 */
export class SlotReader {
  readonly #session: Session
  readonly #table: string
  readonly #slots = new Map<number, SlotState>()
  #turn = 0

  constructor(session: Session, table: string) {
    this.#session = session
    this.#table = table
  }

  /** Whether rows were seen that wait for a transaction to end. */
  get waits(): boolean {
    return [...this.#slots.values()].some(({ fence }) => fence !== undefined && fence.writers.size > 0)
  }

  /** Finds out how far each owned slot can be read. Reads nothing of slots that are owned no more. */
  async look(): Promise<void> {
    const { slots } = this.#session
    for (const slot of this.#slots.keys()) if (!slots.has(slot)) this.#slots.delete(slot)
    for (const slot of slots)
      if (!this.#slots.has(slot)) this.#slots.set(slot, { floor: '0', fence: undefined })
    if (slots.size === 0) return
    // One statement: its snapshot, which decides what is seen, is older than its look at the locks.
    const found = await this.#session.query<{ slot: number; top: string | null; writers: string[] | null }>(
      'looking into the outbox',
      `with writers as materialized (${this.#session.writersSql})
select s.slot, (select max(o.id) from ${this.#table} o where o.slot = s.slot and o.id > s.floor and o.refused is null)::text as top,
  w.transactions as writers
from unnest($1::int[], $2::bigint[]) s (slot, floor) left join writers w on w.slot = s.slot`,
      [[...slots], [...slots].map(slot => this.#slots.get(slot)?.floor ?? '0')],
    )
    for (const { slot, top, writers } of found) {
      const state = this.#slots.get(slot)
      if (!state) continue
      const running = new Set(writers)
      if (state.fence)
        state.fence.writers = new Set([...state.fence.writers].filter(each => running.has(each)))
      else if (top !== null) state.fence = { top, writers: running }
    }
  }

  /**
   * Reads what can be read, up to `limit` rows, in order within each slot. `held`: topics to be left out; what is left out
   * is found again.
   */
  async read(limit: number, held: readonly string[]): Promise<readonly PendingRow[]> {
    const ready = this.#readable().slice(0, limit)
    if (ready.length === 0) return []
    const share = Math.floor(limit / ready.length)
    const rows = await this.#session.query<StoredRow>(
      'reading the outbox',
      `select o.id::text, s.slot, o.topic, o.partition, o.key, o.value, o.headers::text, o.timestamp_ms::text
from unnest($1::int[], $2::bigint[], $3::bigint[]) s (slot, floor, top) cross join lateral (
  select * from ${this.#table} o
  where o.slot = s.slot and o.id > s.floor and o.id <= s.top and o.refused is null and o.topic <> all ($4::text[])
  order by o.id limit $5
) o order by s.slot, o.id`,
      [
        ready.map(({ slot }) => slot),
        ready.map(({ floor }) => floor),
        ready.map(({ top }) => top),
        held,
        share,
      ],
    )
    const lastIds = new Map<number, string>()
    const counts = new Map<number, number>()
    for (const { slot, id } of rows) {
      lastIds.set(slot, id)
      counts.set(slot, (counts.get(slot) ?? 0) + 1)
    }
    for (const { slot, top } of ready) {
      const state = this.#slots.get(slot) as SlotState
      const isMore = counts.get(slot) === share
      if (!isMore) state.fence = undefined
      // What was left out is still below.
      if (held.length === 0) state.floor = isMore ? (lastIds.get(slot) as string) : top
    }
    return rows.map(pendingRow)
  }

  /** The slots whose fence is open, from another one on each time, so that none is always the last. */
  #readable(): { slot: number; floor: string; top: string }[] {
    const open = [...this.#slots].flatMap(([slot, { floor, fence }]) =>
      fence?.writers.size === 0 ? [{ slot, floor, top: fence.top }] : [],
    )
    this.#turn++
    return open.map((_, index) => open[(index + this.#turn) % open.length] as (typeof open)[number])
  }

  /** Reads these slots from their beginning again: rows that were read were not sent, or were put back. Default: all. */
  reread(slots: Iterable<number> = this.#slots.keys()): void {
    for (const slot of slots) {
      const state = this.#slots.get(slot)
      if (state) state.floor = '0'
    }
  }
}

function pendingRow(row: StoredRow): PendingRow {
  return {
    id: row.id,
    slot: row.slot,
    record: {
      topic: row.topic,
      ...(row.partition === null ? undefined : { partition: row.partition }),
      key: row.key,
      value: row.value,
      headers: headersFromJson(row.headers),
      timestampMs: Number(row.timestamp_ms),
    },
  }
}
