import type { Aggregator } from './aggregator.js'
import { Flow, type KeyedRecord, type RecordScope } from './record-flow.js'
import { keyText } from './state-keys.js'
import type { StoredValue, ValueCodec } from './stored-value.js'
import type { TableUpdate } from './table-update.js'

/** Aggregates the records of each key. Entries of its store: key → value. */
export class KeyAggregate<V, A> {
  readonly updates = new Flow<TableUpdate<A>>()
  readonly #store: string
  readonly #aggregator: Aggregator<V, A>
  readonly #codec: ValueCodec<A>

  constructor(store: string, aggregator: Aggregator<V, A>, codec: ValueCodec<A>) {
    this.#store = store
    this.#aggregator = aggregator
    this.#codec = codec
  }

  readonly add = async (record: KeyedRecord<V>, scope: RecordScope): Promise<void> => {
    const { key, timestampMs } = record
    if (key === null) return scope.drop('no-key', timestampMs)
    await this.#update(key, timestampMs, scope, before =>
      this.#aggregator.add(before?.value, record.value, keyText(key)),
    )
  }

  /** Takes out what {@link add} took in. */
  readonly subtract = async (record: KeyedRecord<V>, scope: RecordScope): Promise<void> => {
    const { key, timestampMs } = record
    if (key === null) return scope.drop('no-key', timestampMs)
    await this.#update(
      key,
      timestampMs,
      scope,
      before => before && this.#aggregator.subtract?.(before.value, record.value, keyText(key)),
    )
  }

  async #update(
    key: Uint8Array,
    recordMs: number,
    scope: RecordScope,
    next: (before: StoredValue<A> | undefined) => A | undefined,
  ): Promise<void> {
    const store = scope.store(this.#store)
    // Read twice: an aggregate that is changed in place must not change what it was before.
    const bytes = await store.get(key)
    const previous = await this.#codec.read(bytes)
    const value = next(await this.#codec.read(bytes))
    const timestampMs = Math.max(recordMs, previous?.timestampMs ?? 0)
    if (value === undefined) store.delete(key)
    else store.put(key, await this.#codec.store({ value, timestampMs }))
    await this.updates.push({ key, value, previous: previous?.value, timestampMs }, scope)
  }
}
