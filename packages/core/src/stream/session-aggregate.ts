import { BusbarError } from '../error.js'
import { Flow, type KeyedRecord, type RecordScope } from './record-flow.js'
import type { RecordStore } from './record-store.js'
import { behind, joined, keyText, sized, sizedKeyIn, timeBytes, timeIn } from './state-keys.js'
import type { StoredValue } from './stored-value.js'
import type { TableUpdate } from './table-update.js'
import { maxExpired, type WindowAggregateOptions } from './time-window-aggregate.js'
import { isSessionClosed, mergedSession, type SessionWindows, type Window } from './windows.js'

interface Session<A> extends StoredValue<A> {
  readonly entry: Uint8Array
  readonly window: Window
}

/**
 * Aggregates the records of each key and session, as Kafka Streams does (`SessionWindowedKStream`): a record that falls
 * between sessions merges them, which deletes them and makes a new one. Entries of its store: key, end, start → value; found
 * by the end.
 */
export class SessionAggregate<V, A> {
  readonly updates = new Flow<TableUpdate<A>>()
  readonly #options: WindowAggregateOptions<V, A, SessionWindows>

  constructor(options: WindowAggregateOptions<V, A, SessionWindows>) {
    this.#options = options
  }

  readonly add = async (record: KeyedRecord<V>, scope: RecordScope): Promise<void> => {
    const { key, timestampMs } = record
    if (key === null) return scope.drop('no-key', timestampMs)
    const { windows, emit } = this.#options
    const store = scope.store(this.#options.store)
    const before = store.advanceTo(timestampMs)
    const near = await this.#near(key, timestampMs, store)
    const window = near
      .map(each => each.window)
      .reduce(mergedSession, { startMs: timestampMs, endMs: timestampMs })
    if (isSessionClosed(window, windows, store.streamTimeMs)) scope.drop('late', timestampMs)
    else await this.#update(key, record, window, near, store, scope)
    if (store.streamTimeMs === before) return
    if (emit === 'final') await this.#emitClosed(before, store, scope)
    await this.#expire(store)
  }

  async #update(
    key: Uint8Array,
    record: KeyedRecord<V>,
    window: Window,
    near: readonly Session<A>[],
    store: RecordStore,
    scope: RecordScope,
  ): Promise<void> {
    const { aggregator, codec, emit } = this.#options
    const same = near.find(
      each => each.window.startMs === window.startMs && each.window.endMs === window.endMs,
    )
    for (const session of near) {
      if (session === same) continue
      store.delete(session.entry)
      if (emit === 'final') continue
      const gone = { key, window: session.window, value: undefined, previous: session.value }
      await this.updates.push({ ...gone, timestampMs: session.window.endMs }, scope)
    }
    const entry = sessionKey(key, window)
    const previous = same && (await codec.read(await store.get(same.entry)))?.value
    const value = aggregator.add(this.#merge(near, keyText(key)), record.value, keyText(key))
    store.put(entry, await codec.store({ value, timestampMs: window.endMs }))
    if (emit === 'final') return
    await this.updates.push({ key, window, value, previous, timestampMs: window.endMs }, scope)
  }

  /** The sessions of a key that a record is near enough to belong to, the earliest first. */
  async #near(key: Uint8Array, timestampMs: number, store: RecordStore): Promise<readonly Session<A>[]> {
    const { windows, codec } = this.#options
    const prefix = sized(key)
    const from = joined(prefix, timeBytes(Math.max(0, timestampMs - windows.gapMs)))
    const to = behind(prefix)
    const sessions: Session<A>[] = []
    for (const { key: entry, value } of await store.range(to ? { from, to } : { from })) {
      const { window } = readSessionKey(entry)
      if (window.startMs > timestampMs + windows.gapMs) break
      sessions.push({ entry, window, ...(await codec.read(value)) })
    }
    return sessions
  }

  #merge(sessions: readonly Session<A>[], key: string): A | undefined {
    const [first, ...others] = sessions.map(({ value }) => value)
    return others.reduce((one, other) => {
      const { merge } = this.#options.aggregator
      if (!merge) throw new BusbarError('CONFIG_INVALID', 'aggregating sessions needs the option "merge"')
      return merge(one as A, other, key)
    }, first)
  }

  /** Emits the sessions that the stream time has just gone past. */
  async #emitClosed(beforeMs: number, store: RecordStore, scope: RecordScope): Promise<void> {
    const { windows, codec } = this.#options
    const length = windows.gapMs + windows.graceMs
    for (const entry of await store.byTime(beforeMs - length, store.streamTimeMs - length)) {
      const bytes = await store.get(entry)
      // This very record may have merged it into another.
      if (!bytes) continue
      const { value, timestampMs } = await codec.read(bytes)
      await this.updates.push({ ...readSessionKey(entry), value, previous: undefined, timestampMs }, scope)
    }
  }

  async #expire(store: RecordStore): Promise<void> {
    const endMs = store.streamTimeMs - this.#options.retentionMs + 1
    for (const entry of await store.byTime(0, endMs, maxExpired)) store.delete(entry)
  }
}

/** The name of a session's entry: by its end, since what a record joins has not ended long before it. */
export function sessionKey(key: Uint8Array, { startMs, endMs }: Window): Uint8Array {
  return joined(sized(key), timeBytes(endMs), timeBytes(startMs))
}

export function readSessionKey(entry: Uint8Array): { readonly key: Uint8Array; readonly window: Window } {
  const { length } = entry
  return {
    key: sizedKeyIn(entry),
    window: { startMs: timeIn(entry, length - 8), endMs: timeIn(entry, length - 16) },
  }
}
