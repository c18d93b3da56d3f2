import type { Codec } from '../codec.js'
import { dataSchemaOf, type Envelope, positionId, readEnvelope } from '../envelope.js'
import { BusbarError } from '../error.js'
import type { AnyEvent } from '../event.js'
import { MessageHeaders } from '../headers.js'
import type { InboundRecord } from '../transport.js'
import { joined, timeBytes } from './state-keys.js'
import { ValueCodec } from './stored-value.js'

/**
 * Values of an event as their records have them, with the schema that these name: what is stored is read as the record would be,
 * whatever its codec.
 */
export class EventValueCodec<V> extends ValueCodec<V> {
  readonly #event: AnyEvent
  readonly #eventCodec: () => Codec<never, unknown>

  constructor(event: AnyEvent, codec: () => Codec<never, unknown>) {
    super()
    this.#event = event
    this.#eventCodec = codec
  }

  /** The value of a record with the name of its schema in front. */
  raw(record: InboundRecord): Uint8Array {
    const schema = Buffer.from(dataSchemaOf(new MessageHeaders(record.headers)) ?? '')
    const size = Buffer.allocUnsafe(2)
    size.writeUInt16BE(schema.length)
    return joined(size, schema, record.value ?? new Uint8Array(0))
  }

  override encodeRecord({ raw }: { readonly raw?: Uint8Array }): Uint8Array {
    if (raw) return raw
    throw new BusbarError('INTERNAL', `a value of ${this.#event.name} was not kept as it came`)
  }

  /** What {@link read} makes a value of. */
  stored(raw: Uint8Array, timestampMs: number): Uint8Array {
    return joined(timeBytes(timestampMs), raw)
  }

  override async decode(raw: Uint8Array): Promise<V> {
    const size = new DataView(raw.buffer, raw.byteOffset, raw.byteLength).getUint16(0)
    const schema = Buffer.from(raw.subarray(2, 2 + size)).toString()
    const value = raw.subarray(2 + size)
    return (await this.#eventCodec().decode(value, schema === '' ? undefined : schema)) as V
  }

  /** The payload of a record. Rejects as its codec does, naming the record. */
  async payload(record: InboundRecord, raw: Uint8Array): Promise<V> {
    try {
      return await this.decode(raw)
    } catch (thrown) {
      const doing = `decoding ${this.#event.name} ${positionId(record)}`
      const error = BusbarError.from(thrown, 'DECODE_FAILED', 'the codec failed')
      throw new BusbarError(error.code, `${doing}: ${error.message}`, {
        cause: error,
        retryable: error.retryable,
      })
    }
  }
}

/** Whether a record is of an event; a tombstone needs no envelope for that. */
export function isOf(event: AnyEvent, record: InboundRecord): boolean {
  return isNamed(event, record, readEnvelope(record))
}

/** What a record says of itself if it is of an event, else undefined. */
export function envelopeOf(event: AnyEvent, record: InboundRecord): Envelope | undefined {
  const envelope = readEnvelope(record)
  if (!isNamed(event, record, envelope)) return undefined
  return envelope ?? { id: positionId(record), type: event.name, source: '' }
}

function isNamed(
  { name, foreign }: AnyEvent,
  record: InboundRecord,
  envelope: Envelope | undefined,
): boolean {
  return envelope ? envelope.type === name : foreign || record.value === null
}
