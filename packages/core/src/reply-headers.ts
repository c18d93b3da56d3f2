import type { MessageHeaders } from './headers.js'

/**
 * The headers of request/reply: those that Spring's ReplyingKafkaTemplate and NestJS's Kafka transport share, NestJS's
 * two for the end of a reply, and Busbar's own.
 */
export const replyHeader = {
  correlationId: 'kafka_correlationId',
  replyTopic: 'kafka_replyTopic',
  /** Decimal text (NestJS, Busbar) or a four-byte integer (Spring). */
  replyPartition: 'kafka_replyPartition',
  nestError: 'kafka_nest-err',
  nestDisposed: 'kafka_nest-is-disposed',
  /** When the requester stops waiting: milliseconds since the epoch, decimal text. */
  deadline: 'busbar-deadline',
  errorCode: 'busbar-error-code',
  /** The name of a declared error. */
  errorName: 'busbar-error-name',
  errorMessage: 'busbar-error-message',
} as const

/** Where a reply goes. */
export interface ReplyAddress {
  /** As it came: Spring's are the sixteen bytes of a UUID, which are no text. */
  readonly correlationId: Uint8Array
  readonly topic: string
  readonly partition: number | undefined
}

/**
 * Where the sender of a record expects a reply; undefined if it expects none.
 * @throws BusbarError `HEADER_INVALID`
 */
export function replyAddressOf(headers: MessageHeaders): ReplyAddress | undefined {
  const correlationId = headers.bytes(replyHeader.correlationId)
  const topic = headers.get(replyHeader.replyTopic)
  if (correlationId === undefined || topic === undefined) return undefined
  return { correlationId, topic, partition: partitionOf(headers.bytes(replyHeader.replyPartition)) }
}

function partitionOf(bytes: Uint8Array | undefined): number | undefined {
  if (!bytes || bytes.length === 0) return undefined
  // Four digits are text too: as an integer they would name a partition beyond 800 million.
  if (bytes.every(byte => byte >= 0x30 && byte <= 0x39)) return Number(Buffer.from(bytes).toString('latin1'))
  return bytes.length === 4 ? Buffer.from(bytes).readInt32BE(0) : undefined
}
