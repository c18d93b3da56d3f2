import { type AvroCodec, type AvroOptions, avro } from '@busbar/core/avro'

/** `avro()` for schemas that a test computes. */
export const untyped = avro as unknown as (schema: unknown, options?: AvroOptions) => AvroCodec<unknown>

export function encoded(codec: AvroCodec<unknown>, value: unknown): Uint8Array {
  return codec.encode(value) as Uint8Array
}

/** What a codec reads of its own writing. */
export function roundTrip(codec: AvroCodec<unknown>, value: unknown): unknown {
  return codec.decode(encoded(codec, value), codec.dataSchema)
}
