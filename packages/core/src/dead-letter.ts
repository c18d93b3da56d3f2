import { MessageHeaders } from './headers.js'
import { originOf, returnHeader } from './return-headers.js'
import type { InboundRecord } from './transport.js'

/** A record that failed for good, as it stands in the dead-letter topic of its group. */
export interface DeadLetter {
  /** The event's id; `topic/partition@offset` of the original for a record without one. */
  readonly id: string
  /** The event's name; empty where it can't be read. */
  readonly event: string
  readonly group: string
  readonly subscription: string
  /** Where it was published first. */
  readonly origin: {
    readonly topic: string
    readonly partition: number
    readonly offset: number
    readonly timestampMs: number
  }
  readonly code: string
  readonly message: string
  readonly stack: string | undefined
  readonly attempts: number
  /** How often it was replayed before. */
  readonly redrives: number
  /** When it failed for good, in milliseconds since the epoch. */
  readonly failedAtMs: number
  /** The record in the dead-letter topic: key, value and headers as they came. */
  readonly record: InboundRecord
}

/** Reads a record of a dead-letter topic; undefined for a marker. */
export function readDeadLetter(record: InboundRecord): DeadLetter | undefined {
  const headers = new MessageHeaders(record.headers)
  if (headers.has(returnHeader.marker)) return undefined
  const origin = originOf(record)
  return {
    id: text(headers, 'ce_id') || `${origin.topic}/${origin.partition}@${origin.offset}`,
    event: text(headers, 'ce_type'),
    group: text(headers, returnHeader.group),
    subscription: text(headers, returnHeader.subscription),
    origin,
    code: text(headers, returnHeader.errorCode),
    message: text(headers, returnHeader.errorMessage),
    stack: text(headers, returnHeader.errorStack) || undefined,
    attempts: Number(text(headers, returnHeader.attempts)),
    redrives: Number(text(headers, returnHeader.redrives)),
    failedAtMs: Number(text(headers, returnHeader.failedAt)),
    record,
  }
}

/** The dead letter that a marker is about, as `partition@offset`; undefined for a dead letter. */
export function markedBy(record: InboundRecord): string | undefined {
  const headers = new MessageHeaders(record.headers)
  if (!headers.has(returnHeader.marker)) return undefined
  return `${text(headers, returnHeader.markedPartition)}@${text(headers, returnHeader.markedOffset)}`
}

/** A header as text, whatever its bytes: a dead letter may be one because they are no UTF-8. */
function text(headers: MessageHeaders, name: string): string {
  const bytes = headers.bytes(name)
  return bytes ? Buffer.from(bytes).toString() : ''
}
