import type { Codec } from './codec.js'
import { BusbarError } from './error.js'
import { MessageHeaders, textIn } from './headers.js'
import { originOf } from './return-headers.js'
import { isoTime } from './runtime.js'
import type { InboundRecord } from './transport.js'

/** Names of headers on the wire: CloudEvents 1.0, Kafka protocol binding, binary mode. */
const ce = {
  version: 'ce_specversion',
  id: 'ce_id',
  type: 'ce_type',
  source: 'ce_source',
  time: 'ce_time',
  schema: 'ce_dataschema',
} as const

/** What the CloudEvents headers of a record say. */
export interface Envelope {
  readonly id: string
  /** The name of the event or request. */
  readonly type: string
  /** The name of the bus that published it. */
  readonly source: string
}

/** The CloudEvents headers of a new record; `timeMs` is milliseconds since the epoch. */
export function envelopeHeaders(
  envelope: Envelope,
  timeMs: number,
  codec: Codec<never, unknown>,
): Record<string, string | Uint8Array> {
  const headers: Record<string, string | Uint8Array> = {
    [ce.version]: '1.0',
    [ce.id]: envelope.id,
    [ce.type]: envelope.type,
    [ce.source]: envelope.source,
    [ce.time]: isoTime(timeMs),
    'content-type': codec.contentType,
  }
  if (codec.dataSchema !== undefined) headers[ce.schema] = codec.dataSchema
  return headers
}

/**
 * Reads the CloudEvents headers of a record; undefined for one that has none (another producer's).
 * @throws BusbarError `ENVELOPE_INVALID` when they are there but cannot be read.
 */
export function readEnvelope(record: InboundRecord): Envelope | undefined {
  if (!Object.hasOwn(record.headers, ce.type)) return undefined
  const headers = new MessageHeaders(record.headers)
  try {
    const type = headers.get(ce.type) as string
    const id = headers.get(ce.id) ?? positionId(originOf(record))
    return { id, type, source: headers.get(ce.source) ?? '' }
  } catch (cause) {
    const where = `${record.topic}/${record.partition}@${record.offset}`
    throw new BusbarError(
      'ENVELOPE_INVALID',
      `the CloudEvents headers of record ${where} are not valid UTF-8`,
      { cause },
    )
  }
}

/** The header of an event's id; records between the operators of a group have it without an envelope. */
export const idHeader = ce.id

/** The id of the event that a record is or comes from, whatever its bytes. */
export function eventIdOf(record: InboundRecord): string {
  return textIn(new MessageHeaders(record.headers), idHeader) ?? positionId(record)
}

/** The `ce_dataschema` of a record. @throws BusbarError `HEADER_INVALID` if it is not UTF-8. */
export function dataSchemaOf(headers: MessageHeaders): string | undefined {
  return headers.get(ce.schema)
}

/** The id of a record that carries none: where it stands in the log is unique, too. */
export function positionId(record: Pick<InboundRecord, 'topic' | 'partition' | 'offset'>): string {
  return `${record.topic}/${record.partition}@${record.offset}`
}
