import { type Codec, codecOf } from '../codec.js'
import { joined, timeBytes, timeIn } from './state-keys.js'

/** A value in a store, with the event time of the last record that it comes from. */
export interface StoredValue<V> {
  readonly value: V
  readonly timestampMs: number
}

/** Values as stores and topics of a group have them. */
export class ValueCodec<V> {
  readonly #codec: Codec<V>

  /** @param codec default: JSON, which holds what JSON holds: no bigint, Map, Date or undefined within a value. */
  constructor(codec?: Codec<V>) {
    this.#codec = codec ?? codecOf<V, V>(undefined)
  }

  encode(value: V): Uint8Array | Promise<Uint8Array> {
    return this.#codec.encode(value)
  }

  /** What {@link decode} makes the value of a record of. */
  encodeRecord({
    value,
  }: {
    readonly value: V
    readonly raw?: Uint8Array
  }): Uint8Array | Promise<Uint8Array> {
    return this.encode(value)
  }

  decode(bytes: Uint8Array): V | Promise<V> {
    return this.#codec.decode(bytes)
  }

  async store({ value, timestampMs }: StoredValue<V>): Promise<Uint8Array> {
    return joined(timeBytes(timestampMs), await this.encode(value))
  }

  async read(bytes: Uint8Array): Promise<StoredValue<V>>
  async read(bytes: Uint8Array | undefined): Promise<StoredValue<V> | undefined>
  async read(bytes: Uint8Array | undefined): Promise<StoredValue<V> | undefined> {
    if (!bytes) return undefined
    return { timestampMs: timeIn(bytes, 0), value: await this.decode(bytes.subarray(8)) }
  }
}
