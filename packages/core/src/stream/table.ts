import type { EventDefinition } from '../event.js'
import { GroupedTable } from './grouped-table.js'
import { infoOf, KeyedStream, type RecordInfo } from './keyed-stream.js'
import { Flow, type KeyedRecord, type RecordScope } from './record-flow.js'
import { Repartition, type RepartitionOptions } from './repartition.js'
import { keyBytes, keyText } from './state-keys.js'
import { type StoredValue, ValueCodec } from './stored-value.js'
import { TableListeners } from './table-listeners.js'
import type { TableUpdate } from './table-update.js'
import { type TopologyBuilder, tellPublished } from './topology-builder.js'

/** A committed change of a key of a table. */
export interface TableChange<V> extends RecordInfo {
  /** Undefined: the key was deleted. */
  readonly value: V | undefined
  /** Undefined: there was none. */
  readonly previous: V | undefined
}

/**
 * The latest value of each key, in the partitions that this instance holds. What it answers is committed. Kafka Streams:
 * `KTable`.
 */
export class Table<V> {
  /** Only for operators. */
  readonly builder: TopologyBuilder
  /** Only for operators. */
  readonly like: string
  readonly #store: string
  readonly #updates: Flow<TableUpdate<V>>
  readonly #codec: ValueCodec<V>
  readonly #listeners: TableListeners<V>
  readonly #readyOf: string | undefined

  /** @param readyOf the topic that it is the table of, if it is made of one. */
  constructor(
    builder: TopologyBuilder,
    store: string,
    like: string,
    updates: Flow<TableUpdate<V>>,
    codec: ValueCodec<V>,
    readyOf?: string,
  ) {
    this.builder = builder
    this.like = like
    this.#store = store
    this.#updates = updates
    this.#codec = codec
    this.#readyOf = readyOf
    this.#listeners = new TableListeners(updates, builder.logger, store)
  }

  /**
   * Resolves when it can be asked: the bus has started, and its partitions are restored. A table of a topic has then also read what
   * was in the topic. Rejects with `BUS_CLOSED` when the bus is closed before.
   */
  get ready(): Promise<void> {
    const reader = this.builder.reader(this.#store)
    return this.#readyOf === undefined ? reader.ready : reader.caughtUp(this.#readyOf)
  }

  /**
   * The value of a key; undefined where there is none. Rejects with `STATE_UNAVAILABLE`, which is retryable, where another instance
   * holds the key's partition, or it is being restored.
   */
  async get(key: string | Uint8Array): Promise<V | undefined> {
    const bytes = keyBytes(key)
    return (await this.#codec.read(await this.builder.reader(this.#store).get(bytes, bytes)))?.value
  }

  /** All keys that this instance holds, each partition's in their order. */
  async *entries(): AsyncGenerator<readonly [key: string, value: V]> {
    for await (const { key, value } of this.builder.reader(this.#store).scan())
      yield [keyText(key), (await this.#codec.read(value)).value]
  }

  /**
   * Calls back for each change once it is committed, in order. For caches and screens: what was committed just before a crash may
   * not be told. Returns what ends it.
   */
  subscribe(listener: (change: TableChange<V>) => void): () => void {
    return this.#listeners.add(({ key, value, previous, timestampMs }) =>
      listener({ ...infoOf({ key, timestampMs }), value, previous }),
    )
  }

  /** The changes as a stream. Deletions are not in it. */
  toStream(): KeyedStream<V> {
    this.builder.topology.refuseFixed()
    const flow = new Flow<KeyedRecord<V>>()
    this.#updates.attach(({ key, value, timestampMs }, scope) =>
      value === undefined ? undefined : flow.push({ key, value, timestampMs }, scope),
    )
    return new KeyedStream(this.builder, flow, this.like, new ValueCodec<V>())
  }

  /** Publishes each change under the table's key; a deletion as a tombstone. For a compacted topic, which another table may read. */
  to<Out>(event: EventDefinition<Out, V>): this
  /** Publishes what is made of each value. */
  to<Out, In>(event: EventDefinition<Out, In>, payload: (value: V, record: RecordInfo) => In): this
  to<Out, In>(
    event: EventDefinition<Out, In>,
    payload: (value: V, record: RecordInfo) => In = value => value as unknown as In,
  ): this {
    const { builder } = this
    builder.uses(event, 'write')
    this.#updates.attach(async ({ key, value, timestampMs }, scope) => {
      const deletion = { origin: scope.origin, event: event.name, payload: null }
      const record =
        value === undefined
          ? await builder.outgoing(builder.tombstone(event, key), deletion)
          : await builder.encode(event, payload(value, infoOf({ key, timestampMs })), { key })
      scope.send({ ...record, timestampMs: Math.min(timestampMs, builder.runtime.now()) })
      if (value !== undefined) tellPublished(builder, event, scope)
    })
    return this
  }

  /**
   * Groups by another key, through a topic of the group's own: when a value changes, it is taken out of the group that it was in
   * and into the one that it is in now. Kafka Streams: `KTable.groupBy`.
   */
  groupBy(
    key: (value: V, of: string) => string | Uint8Array,
    options: RepartitionOptions<V>,
  ): GroupedTable<V> {
    const codec = new ValueCodec(options.codec)
    const through = new Repartition<V>(this.builder, this.like, codec, options)
    this.#updates.attach(async (update, scope) => {
      const { value, previous, timestampMs } = update
      const groupOf = (of: V) => keyBytes(key(of, keyText(update.key)))
      if (previous !== undefined)
        await through.send(groupOf(previous), { value: previous, timestampMs }, scope, 'subtract')
      if (value !== undefined) await through.send(groupOf(value), { value, timestampMs }, scope)
    })
    return new GroupedTable(this.builder, through)
  }

  /** What the table has for a key as a record is processed. Only for operators. */
  async lookup(key: Uint8Array, scope: RecordScope): Promise<StoredValue<V> | undefined> {
    return this.#codec.read(await scope.store(this.#store).get(key))
  }
}
