import type { Codec } from '../codec.js'
import { type AggregateOptions, type Aggregator, aggregator, counter, reducer } from './aggregator.js'
import { KeyAggregate } from './key-aggregate.js'
import type { KeyedStream } from './keyed-stream.js'
import { ValueCodec } from './stored-value.js'
import { Table } from './table.js'
import { addStore, type StoreOptions } from './topology-builder.js'
import { WindowedStream } from './windowed-stream.js'
import type { SessionWindows, TimeWindows } from './windows.js'

/** Records by key, to be aggregated. Kafka Streams: `KGroupedStream`. */
export class GroupedStream<V> {
  readonly #stream: KeyedStream<V>

  constructor(stream: KeyedStream<V>) {
    this.#stream = stream
  }

  /** Groups by windows of event time within each key. */
  windowedBy<W extends TimeWindows | SessionWindows>(windows: W): WindowedStream<V, W> {
    return new WindowedStream(this.#stream, windows)
  }

  /** Counts the records of each key. */
  count(options: StoreOptions): Table<number> {
    return this.#aggregate(options, counter)
  }

  /** Combines the values of each key; the first one is taken as it is. */
  reduce(
    options: StoreOptions & { readonly codec?: Codec<V> },
    reduce: (one: V, other: V, key: string) => V,
  ): Table<V> {
    return this.#aggregate(options, reducer(reduce, options.codec))
  }

  /** Takes the records of each key into a value of another kind. */
  aggregate<A>(options: StoreOptions & AggregateOptions<V, A>): Table<A> {
    return this.#aggregate(options, aggregator(options))
  }

  #aggregate<A>(options: StoreOptions, by: Aggregator<V, A>): Table<A> {
    const { builder, like, flow } = this.#stream
    const codec = new ValueCodec(by.codec)
    const aggregate = new KeyAggregate(options.store, by, codec)
    addStore(builder, options, like)
    flow.attach(aggregate.add)
    return new Table(builder, options.store, like, aggregate.updates, codec)
  }
}
