import type { Codec } from '../codec.js'
import { type AggregateOptions, type Aggregator, aggregator, counter, reducer } from './aggregator.js'
import type { KeyedStream } from './keyed-stream.js'
import { readSessionKey, SessionAggregate } from './session-aggregate.js'
import { ValueCodec } from './stored-value.js'
import { readWindowKey, TimeWindowAggregate } from './time-window-aggregate.js'
import { addStore, type StoreOptions } from './topology-builder.js'
import { WindowedTable } from './windowed-table.js'
import { length, type SessionWindows, type TimeWindows } from './windows.js'

export interface WindowOptions extends StoreOptions {
  /**
   * `update`: the table changes with each record. `final`: it changes once for each window, when that has closed, which is when
   * the stream time has passed its end and grace. (A session that has closed may still become part of one that has not, when a record
   * between the two comes late; that one follows when it closes.) Queries see the present value either way. Default: `update`.
   */
  readonly emit?: 'update' | 'final'
  /** How long windows are kept for queries, in milliseconds of event time after their start. Default: a day, or as long as they take records. */
  readonly retentionMs?: number
}

/** Aggregates of sessions also say how two become one. */
type MergeOption<W, A> = W extends SessionWindows
  ? { readonly merge: (one: A, other: A, key: string) => A }
  : unknown

const dayMs = 24 * 60 * 60 * 1_000

/** Records by key and window, to be aggregated. Kafka Streams: `TimeWindowedKStream`, `SessionWindowedKStream`. */
export class WindowedStream<V, W extends TimeWindows | SessionWindows> {
  readonly #stream: KeyedStream<V>
  readonly #windows: W

  constructor(stream: KeyedStream<V>, windows: W) {
    this.#stream = stream
    this.#windows = windows
  }

  /** Counts the records of each key and window. */
  count(options: WindowOptions): WindowedTable<number> {
    return this.#aggregate(options, counter)
  }

  /** Combines the values of each key and window; the first one is taken as it is. */
  reduce(
    options: WindowOptions & { readonly codec?: Codec<V> },
    reduce: (one: V, other: V, key: string) => V,
  ): WindowedTable<V> {
    return this.#aggregate(options, reducer(reduce, options.codec))
  }

  /** Takes the records of each key and window into a value of another kind. */
  aggregate<A>(options: WindowOptions & AggregateOptions<V, A> & MergeOption<W, A>): WindowedTable<A> {
    const { merge } = options as { readonly merge?: (one: A, other: A, key: string) => A }
    return this.#aggregate(options, { ...aggregator(options), merge })
  }

  #aggregate<A>(options: WindowOptions, by: Aggregator<V, A>): WindowedTable<A> {
    const windows: TimeWindows | SessionWindows = this.#windows
    const { builder, like, flow } = this.#stream
    const { store, emit = 'update' } = options
    const codec = new ValueCodec(by.codec)
    const least = (windows.kind === 'time' ? windows.sizeMs : windows.gapMs + 1) + windows.graceMs
    const retentionMs = length('retentionMs', options.retentionMs ?? Math.max(dayMs, least), least)
    const shared = { store, aggregator: by, codec, emit, retentionMs }
    if (windows.kind === 'time') {
      const aggregate = new TimeWindowAggregate({ ...shared, windows })
      addStore(builder, options, like, entry => readWindowKey(entry).startMs)
      flow.attach(aggregate.add)
      return new WindowedTable({ builder, store, like, updates: aggregate.updates, codec, windows })
    }
    const aggregate = new SessionAggregate({ ...shared, windows })
    addStore(builder, options, like, entry => readSessionKey(entry).window.endMs)
    flow.attach(aggregate.add)
    return new WindowedTable({ builder, store, like, updates: aggregate.updates, codec, windows })
  }
}
