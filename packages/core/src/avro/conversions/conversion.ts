/**
 * How the values of a logical type look in TypeScript. `Raw` is what the underlying Avro type is without a conversion
 * (`number` for an `int`, `Uint8Array` for `bytes`), `Value` what publishers give and handlers get.
 *
 * `attributes` are the other attributes of the schema that declares the logical type, for example `precision`.
 */
export interface Conversion<Raw = unknown, Value = unknown> {
  /** Throws if Avro cannot hold the value; that becomes a `PAYLOAD_INVALID`, so its message must not quote the value. */
  toAvro(value: Value, attributes: Readonly<Record<string, unknown>>): Raw
  /** Throws if there is no such value; that becomes a `DECODE_FAILED`. */
  fromAvro(raw: Raw, attributes: Readonly<Record<string, unknown>>): Value
}

/**
 * Declares a conversion for the option `conversions` of `avro()`, which names the logical type that it is for.
 *
 * ```ts
 * const minutes = defineConversion<number, string>({
 *   toAvro: text => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)),
 *   fromAvro: raw => `${Math.floor(raw / 60)}:${raw % 60}`,
 * })
 * const Shift = avro(schema, { conversions: { 'minutes-of-day': minutes } })
 * ```
 */
export function defineConversion<Raw, Value>(conversion: Conversion<Raw, Value>): Conversion<Raw, Value> {
  return conversion
}

/**
 * The logical types that are converted unless `conversions` says otherwise, each with the Avro type that it belongs to
 * (Avro 1.12, "Logical Types"). `avro()` refuses one of them on another Avro type.
 */
export interface StandardValues {
  'long timestamp-millis': Date
  /** Microseconds since the epoch; a `Date` cannot hold them. */
  'long timestamp-micros': bigint
  /** `YYYY-MM-DD` */
  'int date': string
  /** Exact, with `scale` digits after the point. */
  'bytes decimal': string
  'fixed decimal': string
  'string uuid': string
  'fixed uuid': string
}
