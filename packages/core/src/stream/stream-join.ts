import { Flow, type KeyedRecord, type RecordScope } from './record-flow.js'
import type { RecordStore } from './record-store.js'
import { joined, sized, sizedKeyIn, timeBytes, timeIn } from './state-keys.js'
import type { ValueCodec } from './stored-value.js'
import { maxExpired } from './time-window-aggregate.js'

export interface StreamJoinOptions<L, R, J> {
  readonly store: string
  /** A left record is joined with right ones from `beforeMs` earlier to `afterMs` later, both inclusive. */
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
  readonly leftCodec: ValueCodec<L>
  readonly rightCodec: ValueCodec<R>
  /** Whether records without a partner are emitted when their window has closed. */
  readonly left: boolean
  readonly right: boolean
  readonly join: (left: L | undefined, right: R | undefined, key: Uint8Array) => J | Promise<J>
}

const columns = { left: 0x6c, right: 0x72, pending: 0x70 } as const
type Side = 'left' | 'right'

/**
 * Joins records of two streams that have one key and are near in time, as Kafka Streams does (`KStream.join`, `JoinWindows`):
 * each with each, so also several times. Its store has for each side: key, time, number → value; and for records that
 * still have no partner: time, side, key, number. The former are found by their time, too.
 *
 * Two records are joined if neither's window, grace included, had closed when the second of them came, and a record that comes
 * after that of its own is dropped. Kafka Streams also joins what it still happens to keep, so that a record may be emitted
 * without a partner first and with one later; here the input alone decides, and a record is emitted one way or the other.
 */
export class StreamJoin<L, R, J> {
  readonly results = new Flow<KeyedRecord<J>>()
  readonly #options: StreamJoinOptions<L, R, J>

  constructor(options: StreamJoinOptions<L, R, J>) {
    this.#options = options
  }

  readonly addLeft = (record: KeyedRecord<L>, scope: RecordScope): Promise<void> =>
    this.#add('left', record, this.#options.leftCodec, scope)

  readonly addRight = (record: KeyedRecord<R>, scope: RecordScope): Promise<void> =>
    this.#add('right', record, this.#options.rightCodec, scope)

  async #add<V>(side: Side, record: KeyedRecord<V>, codec: ValueCodec<V>, scope: RecordScope): Promise<void> {
    const { key, value, timestampMs } = record
    if (key === null) return scope.drop('no-key', timestampMs)
    const store = scope.store(this.#options.store)
    const before = store.advanceTo(timestampMs)
    if (store.streamTimeMs !== before) await this.#emitUnmatched(store, scope)
    if (this.#hasClosed(side, timestampMs, store.streamTimeMs)) return scope.drop('late', timestampMs)
    const number = await this.#numberOf(side, key, timestampMs, store)
    store.put(bufferKey(side, key, timestampMs, number), await codec.encodeRecord(record))
    const matches = await this.#matches(side, key, timestampMs, store)
    for (const match of matches) {
      store.delete(pendingKey(match.timeMs, other(side), key, match.number))
      const [left, right] = await this.#decode(side, value, match.bytes)
      const result = await this.#options.join(left, right, key)
      await this.results.push({ key, value: result, timestampMs: Math.max(timestampMs, match.timeMs) }, scope)
    }
    if (matches.length === 0 && this.#options[side])
      store.put(pendingKey(timestampMs, side, key, number), new Uint8Array(0))
    await this.#expire(store)
  }

  /** How far the window of a record reaches beyond it. */
  #reach(side: Side): number {
    return side === 'left' ? this.#options.afterMs : this.#options.beforeMs
  }

  #hasClosed(side: Side, timestampMs: number, streamTimeMs: number): boolean {
    return timestampMs + this.#reach(side) + this.#options.graceMs < streamTimeMs
  }

  async #matches(side: Side, key: Uint8Array, timestampMs: number, store: RecordStore) {
    const otherSide = other(side)
    const from = bufferKey(otherSide, key, Math.max(0, timestampMs - this.#reach(otherSide)), 0)
    const to = bufferKey(otherSide, key, timestampMs + this.#reach(side) + 1, 0)
    const entries = await store.range({ from, to })
    return entries
      .map(({ key: entry, value: bytes }) => ({ ...readBufferKey(entry), bytes }))
      .filter(({ timeMs }) => !this.#hasClosed(otherSide, timeMs, store.streamTimeMs))
  }

  async #decode<V>(side: Side, value: V, otherBytes: Uint8Array): Promise<[L, R]> {
    const { leftCodec, rightCodec } = this.#options
    if (side === 'left') return [value as unknown as L, await rightCodec.decode(otherBytes)]
    return [await leftCodec.decode(otherBytes), value as unknown as R]
  }

  /** Tells records of one key and moment apart. */
  async #numberOf(side: Side, key: Uint8Array, timestampMs: number, store: RecordStore): Promise<number> {
    const from = bufferKey(side, key, timestampMs, 0)
    const same = await store.range({ from, to: bufferKey(side, key, timestampMs + 1, 0) })
    const last = same.at(-1)
    return last ? readBufferKey(last.key).number + 1 : 0
  }

  /** Emits what can find no partner any more, in the order of time. */
  async #emitUnmatched(store: RecordStore, scope: RecordScope): Promise<void> {
    const { left, right, graceMs, leftCodec, rightCodec } = this.#options
    if (!left && !right) return
    // Of the sides that wait: those whose windows are still open are not even read, unless the other side's is shorter.
    const reachMs = Math.min(left ? this.#reach('left') : Infinity, right ? this.#reach('right') : Infinity)
    const to = joined(
      Uint8Array.of(columns.pending),
      timeBytes(maxTime(store.streamTimeMs - graceMs - reachMs)),
    )
    for (const { key: entry } of await store.range({ from: Uint8Array.of(columns.pending), to })) {
      const { side, key, timeMs, number } = readPendingKey(entry)
      if (!this.#hasClosed(side, timeMs, store.streamTimeMs)) continue
      store.delete(entry)
      const bytes = (await store.get(bufferKey(side, key, timeMs, number))) as Uint8Array
      const value =
        side === 'left'
          ? await this.#options.join(await leftCodec.decode(bytes), undefined, key)
          : await this.#options.join(undefined, await rightCodec.decode(bytes), key)
      await this.results.push({ key, value, timestampMs: timeMs }, scope)
    }
  }

  /** Deletes what has closed on either side. */
  async #expire(store: RecordStore): Promise<void> {
    const { beforeMs, afterMs, graceMs } = this.#options
    const endMs = store.streamTimeMs - Math.max(beforeMs, afterMs) - graceMs
    for (const entry of await store.byTime(0, endMs, maxExpired)) store.delete(entry)
  }
}

/** The time that an entry of a join's store is found by; those that are pending are in that order by themselves. */
export function joinEntryTime(entry: Uint8Array): number | undefined {
  return entry[0] === columns.pending ? undefined : readBufferKey(entry).timeMs
}

const maxTime = (timeMs: number): number => Math.max(0, timeMs)
const other = (side: Side): Side => (side === 'left' ? 'right' : 'left')

function bufferKey(side: Side, key: Uint8Array, timeMs: number, number: number): Uint8Array {
  return joined(Uint8Array.of(columns[side]), sized(key), timeBytes(timeMs), numberBytes(number))
}

function readBufferKey(entry: Uint8Array): { readonly timeMs: number; readonly number: number } {
  return { timeMs: timeIn(entry, entry.length - 12), number: numberIn(entry) }
}

function pendingKey(timeMs: number, side: Side, key: Uint8Array, number: number): Uint8Array {
  const front = Uint8Array.of(columns.pending)
  return joined(front, timeBytes(timeMs), Uint8Array.of(columns[side]), sized(key), numberBytes(number))
}

function readPendingKey(entry: Uint8Array) {
  return {
    timeMs: timeIn(entry, 1),
    side: entry[9] === columns.left ? ('left' as const) : ('right' as const),
    key: sizedKeyIn(entry.subarray(10)),
    number: numberIn(entry),
  }
}

function numberBytes(number: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(number)
  return bytes
}

function numberIn(entry: Uint8Array): number {
  return new DataView(entry.buffer, entry.byteOffset, entry.byteLength).getUint32(entry.length - 4)
}
