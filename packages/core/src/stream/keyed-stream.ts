import type { Codec } from '../codec.js'
import { BusbarError } from '../error.js'
import type { EventDefinition } from '../event.js'
import { GroupedStream } from './grouped-stream.js'
import { Flow, type KeyedRecord, type RecordScope, type Sink } from './record-flow.js'
import { type RepartitionOptions, repartition } from './repartition.js'
import { keyText } from './state-keys.js'
import { ValueCodec } from './stored-value.js'
import { joinEntryTime, StreamJoin } from './stream-join.js'
import type { Table } from './table.js'
import { addStore, type StoreOptions, type TopologyBuilder, tellPublished } from './topology-builder.js'
import { length } from './windows.js'

/** What goes with a value. */
export interface RecordInfo {
  readonly key: string
  /** Event time, in milliseconds since the epoch. */
  readonly timestampMs: number
}

/** How two streams are joined. */
export interface JoinOptions extends StoreOptions {
  /** How far apart in event time two records may be, both inclusive, in milliseconds. */
  readonly withinMs: number | { readonly beforeMs: number; readonly afterMs: number }
  /** How long after its window a record may come and still be joined, in milliseconds of event time. Default: 0. */
  readonly graceMs?: number
}

export interface MapOptions<R> {
  /** How the values are stored where an operator behind this one keeps them. Default: JSON. */
  readonly codec?: Codec<R>
}

type Joiner<L, R, J> = (left: L, right: R, key: string) => J | Promise<J>

/**
 * Records with keys, in the operators of one group: what one record leads to (changes of stores, records that are sent) is
 * committed with it, once. Functions given to operators should do nothing else: a record may be processed more than
 * once until then. Kafka Streams: `KStream`.
 */
export class KeyedStream<V> {
  /** Only for operators. */
  readonly flow: Flow<KeyedRecord<V>>
  /** The topic whose partitions this stream has. Only for operators. */
  readonly like: string
  /** Only for operators. */
  readonly codec: ValueCodec<V>
  /** Only for operators. */
  readonly builder: TopologyBuilder

  constructor(builder: TopologyBuilder, flow: Flow<KeyedRecord<V>>, like: string, codec: ValueCodec<V>) {
    this.builder = builder
    this.flow = flow
    this.like = like
    this.codec = codec
  }

  /** Lets only some records pass. */
  filter<R extends V>(predicate: (value: V, record: RecordInfo) => value is R): KeyedStream<R>
  filter(predicate: (value: V, record: RecordInfo) => boolean): KeyedStream<V>
  filter(predicate: (value: V, record: RecordInfo) => boolean): KeyedStream<V> {
    const passed = new Flow<KeyedRecord<V>>()
    this.#attach((record, scope) =>
      predicate(record.value, infoOf(record)) ? passed.push(record, scope) : undefined,
    )
    return new KeyedStream(this.builder, passed, this.like, this.codec)
  }

  /** Makes another value of each; the key stays. Kafka Streams: `mapValues`. */
  mapValues<R>(
    map: (value: V, record: RecordInfo) => R | Promise<R>,
    options: MapOptions<R> = {},
  ): KeyedStream<R> {
    return this.flatMapValues(async (value, record) => [await map(value, record)], options)
  }

  /** Makes any number of values of each; the key stays. */
  flatMapValues<R>(
    map: (value: V, record: RecordInfo) => Iterable<R> | Promise<Iterable<R>>,
    options: MapOptions<R> = {},
  ): KeyedStream<R> {
    const mapped = new Flow<KeyedRecord<R>>()
    this.#attach(async (record, scope) => {
      const { key, timestampMs } = record
      for (const value of await map(record.value, infoOf(record)))
        await mapped.push({ key, value, timestampMs }, scope)
    })
    return new KeyedStream(this.builder, mapped, this.like, new ValueCodec(options.codec))
  }

  /** The records of both streams. */
  merge(other: KeyedStream<V>): KeyedStream<V> {
    this.#meets(other, 'merge')
    const merged = new Flow<KeyedRecord<V>>()
    this.#attach((record, scope) => merged.push(record, scope))
    other.flow.attach((record, scope) => merged.push(record, scope))
    const codec = this.codec === other.codec ? this.codec : new ValueCodec<V>()
    return new KeyedStream(this.builder, merged, this.like, codec)
  }

  /** Groups by the key that records have. Those without one are dropped. */
  groupByKey(): GroupedStream<V> {
    return new GroupedStream(this)
  }

  /**
   * Groups by another key: sends the records through a topic of the group's own, `<group>.<name>.repartition`, so that those of
   * one key meet in one partition.
   */
  groupBy(key: (value: V) => string | Uint8Array, options: RepartitionOptions<V>): GroupedStream<V> {
    return new GroupedStream(repartition(this, key, options))
  }

  /** Joins records that have one key and are near in time, each with each. */
  join<W, J>(other: KeyedStream<W>, options: JoinOptions, joiner: Joiner<V, W, J>): KeyedStream<J>
  /** Joins each record with what the table has for its key at that moment; drops it where there is nothing. */
  join<W, J>(table: Table<W>, joiner: Joiner<V, W, J>): KeyedStream<J>
  join<W, J>(
    other: KeyedStream<W> | Table<W>,
    ...rest: [JoinOptions, Joiner<V, W, J>] | [Joiner<V, W, J>]
  ): KeyedStream<J> {
    if (rest.length === 2) {
      const [options, joiner] = rest
      return this.#joinStream(
        other as KeyedStream<W>,
        options,
        { left: false, right: false },
        joiner as never,
      )
    }
    return this.#joinTable(other as Table<W>, false, rest[0] as never)
  }

  /** As {@link join}; a record of this stream without a partner is joined with `undefined` when its window has closed. */
  leftJoin<W, J>(
    other: KeyedStream<W>,
    options: JoinOptions,
    joiner: Joiner<V, W | undefined, J>,
  ): KeyedStream<J>
  /** As {@link join}; where the table has nothing, the record is joined with `undefined`. */
  leftJoin<W, J>(table: Table<W>, joiner: Joiner<V, W | undefined, J>): KeyedStream<J>
  leftJoin<W, J>(
    other: KeyedStream<W> | Table<W>,
    ...rest: [JoinOptions, Joiner<V, W | undefined, J>] | [Joiner<V, W | undefined, J>]
  ): KeyedStream<J> {
    if (rest.length === 2) {
      const [options, joiner] = rest
      return this.#joinStream(other as KeyedStream<W>, options, { left: true, right: false }, joiner as never)
    }
    return this.#joinTable(other as Table<W>, true, rest[0])
  }

  /** As {@link join}; a record of either stream without a partner is joined with `undefined` when its window has closed. */
  outerJoin<W, J>(
    other: KeyedStream<W>,
    options: JoinOptions,
    joiner: Joiner<V | undefined, W | undefined, J>,
  ): KeyedStream<J> {
    return this.#joinStream(other, options, { left: true, right: true }, joiner)
  }

  /** Publishes each value. The key is the event's own or, where it declares none, the record's. */
  to<Out>(event: EventDefinition<Out, V>): this
  /** Publishes what is made of each value. */
  to<Out, In>(event: EventDefinition<Out, In>, payload: (value: V, record: RecordInfo) => In): this
  to<Out, In>(
    event: EventDefinition<Out, In>,
    payload: (value: V, record: RecordInfo) => In = value => value as unknown as In,
  ): this {
    const { builder } = this
    builder.uses(event, 'write')
    this.#attach(async (record, scope) => {
      const key = event.key ? {} : { key: record.key }
      const encoded = await builder.encode(event, payload(record.value, infoOf(record)), key)
      scope.send({ ...encoded, timestampMs: Math.min(record.timestampMs, builder.runtime.now()) })
      tellPublished(builder, event, scope)
    })
    return this
  }

  /**
   * Calls a function for each record and waits for it. Its effects elsewhere are not part of the commit: after a crash it is
   * called again.
   */
  forEach(handle: (value: V, record: RecordInfo) => unknown): this {
    this.#attach(async record => void (await handle(record.value, infoOf(record))))
    return this
  }

  /** @throws BusbarError `CONFIG_INVALID` after the start. */
  #attach(sink: Sink<KeyedRecord<V>>): void {
    this.builder.topology.refuseFixed()
    this.flow.attach(sink)
  }

  #joinStream<W, J>(
    other: KeyedStream<W>,
    options: JoinOptions,
    sides: { readonly left: boolean; readonly right: boolean },
    joiner: Joiner<V | undefined, W | undefined, J>,
  ): KeyedStream<J> {
    this.#meets(other, `join ${options.store}`)
    const { withinMs } = options
    const reach = typeof withinMs === 'number' ? { beforeMs: withinMs, afterMs: withinMs } : withinMs
    const join = new StreamJoin<V, W, J>({
      ...sides,
      store: options.store,
      beforeMs: length('withinMs.beforeMs', reach.beforeMs, 0),
      afterMs: length('withinMs.afterMs', reach.afterMs, 0),
      graceMs: length('graceMs', options.graceMs ?? 0, 0),
      leftCodec: this.codec,
      rightCodec: other.codec,
      join: (left, right, key) => joiner(left, right, keyText(key)),
    })
    addStore(this.builder, options, this.like, joinEntryTime)
    this.#attach(join.addLeft)
    other.flow.attach(join.addRight)
    return new KeyedStream(this.builder, join.results, this.like, new ValueCodec<J>())
  }

  #joinTable<W, J>(table: Table<W>, isLeft: boolean, joiner: Joiner<V, W | undefined, J>): KeyedStream<J> {
    this.#meets(table, 'join with a table')
    const results = new Flow<KeyedRecord<J>>()
    this.#attach(async (record: KeyedRecord<V>, scope: RecordScope) => {
      const { key, timestampMs } = record
      const found = key === null ? undefined : await table.lookup(key, scope)
      if (!isLeft && (key === null || !found)) {
        if (key === null) scope.drop('no-key', timestampMs)
        return
      }
      const value = await joiner(record.value, found?.value, infoOf(record).key)
      await results.push({ key, value, timestampMs }, scope)
    })
    return new KeyedStream(this.builder, results, this.like, new ValueCodec<J>())
  }

  /** What meets must be of one group, and have equal keys in equal partitions. */
  #meets(other: { readonly builder: TopologyBuilder; readonly like: string }, by: string): void {
    const { topology } = this.builder
    if (other.builder.topology !== topology)
      throw new BusbarError(
        'CONFIG_INVALID',
        `${by}: one side is of group ${topology.group}, the other of ${other.builder.topology.group}: give both the same (option "group")`,
      )
    topology.coPartitioned.push({ topics: [this.like, other.like], by })
  }
}

/** A record without a key has an empty one here. */
export function infoOf({ key, timestampMs }: { key: Uint8Array | null; timestampMs: number }): RecordInfo {
  return { key: key === null ? '' : keyText(key), timestampMs }
}
