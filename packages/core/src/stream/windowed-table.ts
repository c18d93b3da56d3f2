import type { EventDefinition } from '../event.js'
import { infoOf, KeyedStream, type RecordInfo } from './keyed-stream.js'
import { Flow, type KeyedRecord } from './record-flow.js'
import { readSessionKey, sessionKey } from './session-aggregate.js'
import { behind, joined, keyBytes, keyText, sized, timeBytes } from './state-keys.js'
import { ValueCodec } from './stored-value.js'
import type { TableChange } from './table.js'
import { TableListeners } from './table-listeners.js'
import type { TableUpdate } from './table-update.js'
import { readWindowKey, windowKey } from './time-window-aggregate.js'
import type { TopologyBuilder } from './topology-builder.js'
import type { SessionWindows, TimeWindows, Window } from './windows.js'

/** A value of a window. */
export interface Windowed<V> {
  readonly key: string
  readonly window: Window
  readonly value: V
}

/** What goes with the value of a window. */
export interface WindowedInfo extends RecordInfo {
  readonly window: Window
}

/** A committed change of a window. */
export interface WindowChange<V> extends TableChange<V> {
  readonly window: Window
}

export interface WindowedTableOptions<V> {
  readonly builder: TopologyBuilder
  readonly store: string
  readonly like: string
  readonly updates: Flow<TableUpdate<V>>
  readonly codec: ValueCodec<V>
  readonly windows: TimeWindows | SessionWindows
}

/** The value of each key and window, in the partitions that this instance holds. What it answers is committed. */
export class WindowedTable<V> {
  readonly #options: WindowedTableOptions<V>
  readonly #listeners: TableListeners<V>

  constructor(options: WindowedTableOptions<V>) {
    this.#options = options
    this.#listeners = new TableListeners(options.updates, options.builder.logger, options.store)
  }

  /** Resolves when it can be asked: see {@link Table.ready}. */
  get ready(): Promise<void> {
    return this.#reader.ready
  }

  /**
   * The value of a key in the window that starts at a moment; undefined where there is none. Rejects with `STATE_UNAVAILABLE`
   * as {@link Table.get} does.
   */
  async get(key: string | Uint8Array, startMs: number): Promise<V | undefined> {
    const bytes = keyBytes(key)
    const { windows, codec } = this.#options
    if (windows.kind === 'time')
      return (await codec.read(await this.#reader.get(bytes, windowKey(bytes, startMs))))?.value
    // Also tells whether the key's partition is here.
    await this.#reader.get(bytes, sessionKey(bytes, { startMs, endMs: startMs }))
    for await (const { window, value } of this.windows(key)) if (window.startMs === startMs) return value
    return undefined
  }

  /** The windows of a key, the earliest first, that begin (sessions: end) from `fromMs` on and before `toMs`. Default: all. */
  async *windows(
    key: string | Uint8Array,
    { fromMs = 0, toMs }: { readonly fromMs?: number; readonly toMs?: number } = {},
  ): AsyncGenerator<Windowed<V>> {
    const prefix = sized(keyBytes(key))
    const to = toMs === undefined ? behind(prefix) : joined(prefix, timeBytes(toMs))
    yield* this.#scan({ from: joined(prefix, timeBytes(fromMs)), ...(to ? { to } : {}) })
  }

  /** All windows that this instance holds. */
  entries(): AsyncGenerator<Windowed<V>> {
    return this.#scan({})
  }

  /** Calls back for each change once it is committed, in order: see {@link Table.subscribe}. Returns what ends it. */
  subscribe(listener: (change: WindowChange<V>) => void): () => void {
    return this.#listeners.add(({ key, window, value, previous, timestampMs }) =>
      listener({ ...infoOf({ key, timestampMs }), window: window as Window, value, previous }),
    )
  }

  /** The changes as a stream, by the key without the window. Sessions that went into another are not in it. */
  toStream(): KeyedStream<Windowed<V>> {
    const { builder, like, updates } = this.#options
    builder.topology.refuseFixed()
    const flow = new Flow<KeyedRecord<Windowed<V>>>()
    updates.attach(({ key, window, value, timestampMs }, scope) => {
      if (value === undefined) return undefined
      return flow.push(
        { key, timestampMs, value: { key: keyText(key), window: window as Window, value } },
        scope,
      )
    })
    return new KeyedStream(builder, flow, like, new ValueCodec<Windowed<V>>())
  }

  /** Publishes what is made of each change; the key is the event's own or, where it declares none, the table's. */
  to<Out, In>(event: EventDefinition<Out, In>, payload: (value: V, record: WindowedInfo) => In): this {
    this.toStream().to(event, ({ value, window }, record) => payload(value, { ...record, window }))
    return this
  }

  get #reader() {
    return this.#options.builder.reader(this.#options.store)
  }

  async *#scan(range: { readonly from?: Uint8Array; readonly to?: Uint8Array }): AsyncGenerator<Windowed<V>> {
    const { codec, windows } = this.#options
    for await (const { key: entry, value } of this.#reader.scan(range)) {
      const read = await codec.read(value)
      if (windows.kind === 'session') {
        const { key, window } = readSessionKey(entry)
        yield { key: keyText(key), window, value: read.value }
      } else {
        const { key, startMs } = readWindowKey(entry)
        const window = { startMs, endMs: startMs + windows.sizeMs }
        yield { key: keyText(key), window, value: read.value }
      }
    }
  }
}
