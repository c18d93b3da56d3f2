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
 * A line below which all that will ever commit can be seen: `top` is the last id that had been drawn when it was set, and
 * every transaction of `writers`, which could still have committed an id below it, has ended.
 */
interface Fence {
  readonly top: bigint
  /** When it was set, in milliseconds since the epoch. */
  readonly sinceMs: number
  writers: ReadonlySet<string>
}

interface SlotState {
  /** Nothing is left to be sent at or below it, so that reading begins above what vacuum could not remove yet. */
  floor: bigint
  fence: Fence | undefined
  /** How far it was read, be it that something was left out. */
  readTo: bigint
  /** Whether the last reading left something of it for the next. */
  hasMore: boolean
}

interface OpenSlot {
  readonly slot: number
  readonly state: SlotState
  readonly top: bigint
  readonly limit: number
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

/** How much more of a batch a slot gets that has more than it could give the last time. */
const backlogWeight = 16

/**
 * Reads the rows of slots in the order of their ids, and none before all smaller ids of its slot have committed or never
 * will.
 *
 * Ids are drawn in one order and commit in another: a row that is seen says nothing about smaller ids. But a writer takes
 * a lock of the slot before it draws an id, and holds it until its transaction has ended. So: look at the last id that
 * was drawn, then at who holds the lock; once all of those have ended, everything up to that id that will ever be there
 * can be seen. Transactions that wrote nothing to the slot don't matter, however long they take.
 */
export class SlotReader {
  readonly #session: Session
  readonly #table: string
  readonly #slots = new Map<number, SlotState>()
  /** The last id that was drawn when it was looked. */
  #drawn = 0n
  #turn = 0

  constructor(session: Session, table: string) {
    this.#session = session
    this.#table = table
  }

  /** Whether something that was drawn waits for a transaction to end. */
  get waits(): boolean {
    return [...this.#slots.values()].some(({ fence }) => fence !== undefined && fence.writers.size > 0)
  }

  /** Whether ids were drawn above a fence that is down by now: it's worth to look again, and nobody else will say so. */
  get isBehind(): boolean {
    return [...this.#slots.values()].some(({ fence, readTo }) => fence === undefined && readTo < this.#drawn)
  }

  /** Whether everything was read that could be seen at the last look, but for the topics that were left out. */
  get hasReadAll(): boolean {
    return !this.isBehind && [...this.#slots.values()].every(({ fence }) => fence === undefined)
  }

  /** Finds out how far each owned slot can be read. Reads nothing of slots that are owned no more. */
  async look(nowMs: number): Promise<void> {
    const { slots } = this.#session
    for (const slot of this.#slots.keys()) if (!slots.has(slot)) this.#slots.delete(slot)
    for (const slot of slots) {
      if (!this.#slots.has(slot))
        this.#slots.set(slot, { floor: 0n, fence: undefined, readTo: 0n, hasMore: false })
    }
    if (slots.size === 0) return
    const { top, writers } = await this.#session.drawnAndWriters()
    this.#drawn = top
    for (const [slot, state] of this.#slots) {
      const running = writers.get(slot) ?? new Set()
      // A fence that stands isn't moved, or a slot in which somebody always writes would never be read.
      if (state.fence)
        state.fence.writers = new Set([...state.fence.writers].filter(each => running.has(each)))
      else if (top > state.floor) state.fence = { top, writers: running, sinceMs: nowMs }
    }
  }

  /**
   * Reads what can be read, up to `limit` rows, in order within each slot. `held`: topics to be left out; what is left out
   * is found again.
   */
  async read(limit: number, held: readonly string[]): Promise<readonly PendingRow[]> {
    const open = this.#open(limit)
    if (open.length === 0) return []
    const rows = await this.#session.query<StoredRow>(
      'reading the outbox',
      `select o.id::text, s.slot, o.topic, o.partition, o.key, o.value, o.headers::text, o.timestamp_ms::text
from unnest($1::int[], $2::bigint[], $3::bigint[], $4::int[]) s (slot, floor, top, rows) cross join lateral (
  select * from ${this.#table} o
  where o.slot = s.slot and o.id > s.floor and o.id <= s.top and o.refused is null and o.topic <> all ($5::text[])
  order by o.slot, o.id limit s.rows
) o order by s.slot, o.id`,
      [
        open.map(({ slot }) => slot),
        open.map(({ state }) => state.floor.toString()),
        open.map(({ top }) => top.toString()),
        open.map(each => each.limit),
        held,
      ],
    )
    const bySlot = new Map<number, { count: number; lastId: string }>()
    for (const { slot, id } of rows)
      bySlot.set(slot, { count: (bySlot.get(slot)?.count ?? 0) + 1, lastId: id })
    for (const { slot, state, top, limit: asked } of open) {
      const read = bySlot.get(slot)
      state.hasMore = read?.count === asked
      if (!state.hasMore) {
        state.fence = undefined
        state.readTo = top
      }
      // What was left out is still below.
      if (held.length === 0) state.floor = state.hasMore && read ? BigInt(read.lastId) : top
    }
    return rows.map(pendingRow)
  }

  /** Since when something that was committed waits for a transaction to end; undefined where nothing has since before `sinceMs`. */
  async heldUpSinceMs(sinceMs: number): Promise<number | undefined> {
    const slots = [...this.#slots].flatMap(([slot, { floor, fence }]) =>
      fence && fence.writers.size > 0 && fence.sinceMs <= sinceMs ? [{ slot, floor, fence }] : [],
    )
    if (slots.length === 0) return undefined
    // A transaction that nobody else has written behind holds up nobody.
    const held = await this.#session.query<{ slot: number }>(
      'looking for what waits',
      `select s.slot from unnest($1::int[], $2::bigint[]) s (slot, floor) where exists (
  select from ${this.#table} o where o.slot = s.slot and o.id > s.floor and o.refused is null
)`,
      [slots.map(({ slot }) => slot), slots.map(({ floor }) => floor.toString())],
    )
    const waiting = slots.filter(({ slot }) => held.some(each => each.slot === slot))
    return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ fence }) => fence.sinceMs))
  }

  /** The slots whose fence is open, another one first each time, with what each may give to a batch. */
  #open(limit: number): OpenSlot[] {
    const open = [...this.#slots].flatMap(([slot, state]) =>
      state.fence?.writers.size === 0 ? [{ slot, state, top: state.fence.top }] : [],
    )
    this.#turn++
    const chosen = open
      .map((_, index) => open[(index + this.#turn) % open.length] as (typeof open)[number])
      .slice(0, limit)
    const weightOf = ({ state }: { state: SlotState }) => (state.hasMore ? backlogWeight : 1)
    const weights = chosen.reduce((sum, each) => sum + weightOf(each), 0)
    // One row of each at least; what those take is taken off first, so that the whole stays within the limit.
    const spare = limit - chosen.length
    return chosen.map(each => ({ ...each, limit: 1 + Math.floor((spare * weightOf(each)) / weights) }))
  }

  /** Reads these slots from their beginning again: rows that were read were not sent, or were put back. Default: all. */
  reread(slots: Iterable<number> = this.#slots.keys()): void {
    for (const slot of slots) {
      const state = this.#slots.get(slot)
      if (state) state.floor = 0n
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
