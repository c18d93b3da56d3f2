import type { Codec } from '../codec.js'
import { type AggregateOptions, type Aggregator, aggregator, counter, reducer } from './aggregator.js'
import { KeyAggregate } from './key-aggregate.js'
import type { Repartition } from './repartition.js'
import { ValueCodec } from './stored-value.js'
import { Table } from './table.js'
import { addStore, type StoreOptions, type TopologyBuilder } from './topology-builder.js'

/** How a value leaves its group: what it had added is taken away. Undefined deletes the group. */
type Subtract<V, A> = (aggregate: A, value: V, key: string) => A | undefined

/** The values of a table by another key, to be aggregated. Kafka Streams: `KGroupedTable`. */
export class GroupedTable<V> {
  readonly #builder: TopologyBuilder
  readonly #through: Repartition<V>

  constructor(builder: TopologyBuilder, through: Repartition<V>) {
    this.#builder = builder
    this.#through = through
  }

  /** Counts the keys of each group. */
  count(options: StoreOptions): Table<number> {
    return this.#aggregate(options, counter)
  }

  /** Combines the values of each group. */
  reduce(
    options: StoreOptions & { readonly codec?: Codec<V>; readonly subtract: Subtract<V, V> },
    reduce: (one: V, other: V, key: string) => V,
  ): Table<V> {
    return this.#aggregate(options, { ...reducer(reduce, options.codec), subtract: options.subtract })
  }

  /** Takes the values of each group into a value of another kind. */
  aggregate<A>(
    options: StoreOptions & AggregateOptions<V, A> & { readonly subtract: Subtract<V, A> },
  ): Table<A> {
    return this.#aggregate(options, { ...aggregator(options), subtract: options.subtract })
  }

  #aggregate<A>(options: StoreOptions, by: Aggregator<V, A>): Table<A> {
    const { topic, added, subtracted } = this.#through
    const codec = new ValueCodec(by.codec)
    const aggregate = new KeyAggregate(options.store, by, codec)
    addStore(this.#builder, options, topic)
    added.attach(aggregate.add)
    subtracted.attach(aggregate.subtract)
    return new Table(this.#builder, options.store, topic, aggregate.updates, codec)
  }
}
