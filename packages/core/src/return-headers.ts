import { MessageHeaders, textIn } from './headers.js'
import type { InboundRecord } from './transport.js'

/** Headers of records that leave their topic because of a failure, and of those that come back. */
export const returnHeader = {
  /** The group whose subscription failed. */
  group: 'busbar-group',
  /** The subscription that failed: a record that comes back is for this one alone. */
  subscription: 'busbar-subscription',
  /** How often it was handled. */
  attempts: 'busbar-attempts',
  /** When a record in a retry or delay topic is due: milliseconds since the epoch. */
  dueAt: 'busbar-due-at',
  originalTopic: 'busbar-original-topic',
  originalPartition: 'busbar-original-partition',
  originalOffset: 'busbar-original-offset',
  originalTimestamp: 'busbar-original-timestamp',
  /** How often it was replayed from the dead-letter topic. */
  redrives: 'busbar-redrives',
  errorCode: 'busbar-error-code',
  errorMessage: 'busbar-error-message',
  errorStack: 'busbar-error-stack',
  failedAt: 'busbar-failed-at',
  /** On a marker in a dead-letter topic: `replayed` or `discarded`, and the partition and offset of the dead letter meant. */
  marker: 'busbar-marker',
  markedPartition: 'busbar-marked-partition',
  markedOffset: 'busbar-marked-offset',
} as const

/** Where a record was published first. */
export interface Origin {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
}

/** Where a record was published first: for one that came back, what its headers say. */
export function originOf(record: InboundRecord): Origin {
  const topic = originalTopicOf(record)
  if (topic === undefined) return record
  const headers = new MessageHeaders(record.headers)
  return {
    topic,
    partition: numberIn(headers, returnHeader.originalPartition) ?? record.partition,
    offset: numberIn(headers, returnHeader.originalOffset) ?? record.offset,
    timestampMs: numberIn(headers, returnHeader.originalTimestamp) ?? record.timestampMs,
  }
}

/** When a record is due, in milliseconds since the epoch; 0 for one that is at once. */
export function dueAtOf(record: InboundRecord): number {
  return returnedNumber(record, returnHeader.dueAt)
}

/** How often a record was handled before it came back; 0 for one that is new. */
export function attemptsBefore(record: InboundRecord): number {
  return returnedNumber(record, returnHeader.attempts)
}

/** How often a record was replayed from the dead letters; 0 for one that was not. */
export function redrivesOf(record: InboundRecord): number {
  return returnedNumber(record, returnHeader.redrives)
}

/** The subscription that a record comes back to. The record may have failed because its headers are no UTF-8. */
export function subscriptionOf(record: InboundRecord): string | undefined {
  return textIn(new MessageHeaders(record.headers), returnHeader.subscription)
}

/** The group that a record comes back to. */
export function groupOf(record: InboundRecord): string | undefined {
  return textIn(new MessageHeaders(record.headers), returnHeader.group)
}

/**
 * The topic that a record came from, by a topic of ours, which is named after it. In any other topic such headers were
 * copied there by somebody and mean nothing.
 */
function originalTopicOf(record: InboundRecord): string | undefined {
  if (!Object.hasOwn(record.headers, returnHeader.originalTopic)) return undefined
  const topic = textIn(new MessageHeaders(record.headers), returnHeader.originalTopic)
  return topic && record.topic.startsWith(`${topic}.`) ? topic : undefined
}

function returnedNumber(record: InboundRecord, name: string): number {
  if (originalTopicOf(record) === undefined) return 0
  return numberIn(new MessageHeaders(record.headers), name) ?? 0
}

function numberIn(headers: MessageHeaders, name: string): number | undefined {
  const bytes = headers.bytes(name)
  const number = bytes ? Number(Buffer.from(bytes).toString('latin1')) : Number.NaN
  return Number.isFinite(number) ? number : undefined
}
