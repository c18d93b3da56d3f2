import type { Aggregator } from './aggregator.js'
import { Flow, type KeyedRecord, type RecordScope } from './record-flow.js'
import type { RecordStore } from './record-store.js'
import { joined, keyText, sized, sizedKeyIn, timeBytes, timeIn } from './state-keys.js'
import type { ValueCodec } from './stored-value.js'
import type { TableUpdate } from './table-update.js'
import { isClosed, type TimeWindows, type Window, windowsAt } from './windows.js'

export interface WindowAggregateOptions<V, A, W> {
  readonly store: string
  readonly windows: W
  readonly aggregator: Aggregator<V, A>
  readonly codec: ValueCodec<A>
  /** `update`: at each record. `final`: once for each window, when it has closed. */
  readonly emit: 'update' | 'final'
  /** How long a window is kept after its start, in event time. */
  readonly retentionMs: number
}

/** Windows that are deleted at one record: more wait for the next one. */
export const maxExpired = 1_000

/**
 * Aggregates the records of each key and window, as Kafka Streams does (`TimeWindowedKStream`). Entries of its store: key,
 * start of the window → value; found by the start.
 */
export class TimeWindowAggregate<V, A> {
  readonly updates = new Flow<TableUpdate<A>>()
  readonly #options: WindowAggregateOptions<V, A, TimeWindows>

  constructor(options: WindowAggregateOptions<V, A, TimeWindows>) {
    this.#options = options
  }

  readonly add = async ({ key, value, timestampMs }: KeyedRecord<V>, scope: RecordScope): Promise<void> => {
    if (key === null) return scope.drop('no-key', timestampMs)
    const { windows, emit } = this.#options
    const store = scope.store(this.#options.store)
    const before = store.advanceTo(timestampMs)
    const open = windowsAt(windows, timestampMs).filter(
      window => !isClosed(window, windows, store.streamTimeMs),
    )
    if (open.length === 0) scope.drop('late', timestampMs)
    for (const window of open) await this.#update(key, value, timestampMs, window, store, scope)
    if (store.streamTimeMs === before) return
    if (emit === 'final') await this.#emitClosed(before, store, scope)
    await this.#expire(store)
  }

  async #update(
    key: Uint8Array,
    record: V,
    recordMs: number,
    window: Window,
    store: RecordStore,
    scope: RecordScope,
  ): Promise<void> {
    const { aggregator, codec, emit } = this.#options
    const entry = windowKey(key, window.startMs)
    const bytes = await store.get(entry)
    // Read twice: an aggregate that is changed in place must not change what it was before.
    const previous = await codec.read(bytes)
    const value = aggregator.add((await codec.read(bytes))?.value, record, keyText(key))
    const timestampMs = Math.max(recordMs, previous?.timestampMs ?? 0)
    store.put(entry, await codec.store({ value, timestampMs }))
    if (emit === 'final') return
    await this.updates.push({ key, window, value, previous: previous?.value, timestampMs }, scope)
  }

  /** Emits the windows that the stream time has just gone past; before, they were open, and so no one is emitted twice. */
  async #emitClosed(beforeMs: number, store: RecordStore, scope: RecordScope): Promise<void> {
    const { windows, codec } = this.#options
    const length = windows.sizeMs + windows.graceMs
    for (const entry of await store.byTime(beforeMs - length + 1, store.streamTimeMs - length + 1)) {
      const { value, timestampMs } = await codec.read((await store.get(entry)) as Uint8Array)
      const { key, startMs } = readWindowKey(entry)
      const window = { startMs, endMs: startMs + windows.sizeMs }
      await this.updates.push({ key, window, value, previous: undefined, timestampMs }, scope)
    }
  }

  async #expire(store: RecordStore): Promise<void> {
    const endMs = store.streamTimeMs - this.#options.retentionMs + 1
    for (const entry of await store.byTime(0, endMs, maxExpired)) store.delete(entry)
  }
}

/** The name of a window's entry. */
export function windowKey(key: Uint8Array, startMs: number): Uint8Array {
  return joined(sized(key), timeBytes(startMs))
}

export function readWindowKey(entry: Uint8Array): { readonly key: Uint8Array; readonly startMs: number } {
  return { key: sizedKeyIn(entry), startMs: timeIn(entry, entry.length - 8) }
}
