import type { Conversion } from './conversions/conversion.js'
import type { AvroSchema } from './types/avro-schema.js'

/** What `avro()` takes besides the schema. */
export interface AvroOptions {
  /**
   * How a `long` looks. Default: `number`, and a value that no number holds exactly (beyond 2^53 - 1) is refused.
   * Logical types have conversions of their own: a `timestamp-millis` stays a `Date`.
   */
  readonly long?: 'number' | 'bigint' | undefined
  /** Conversions by logical type. They come before the standard ones; `false` leaves the underlying Avro type. */
  readonly conversions?: Readonly<Record<string, Conversion | false>> | undefined
  /** Schemas that records without a registry's id may have been written with. Codecs of this process are known. */
  readonly knownWriters?: readonly AvroSchema[] | undefined
}
