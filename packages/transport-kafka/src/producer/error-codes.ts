import type { BusbarErrorCode } from '@busbar/core'

/**
 * What a Kafka error code in the answer to a Produce or Metadata request means for the batch
 * (`org.apache.kafka.common.protocol.Errors`).
 *
 * - `retry`: try the same bytes again; `refresh` the metadata before; `maybeStored`: the leader may have appended the
 *   batch before it answered so (`DelayedProduce` in the broker), so that only the same sequence is safe.
 * - `duplicate`: it is stored already.
 * - `sequence`: the broker's memory of this producer doesn't fit what we sent; nothing was stored by this request.
 * - `split`: refused as a whole because of its size or of one of its records.
 * - `refuse`: refused for good.
 */
export interface ErrorMeaning {
  readonly name: string
  readonly kind: 'retry' | 'duplicate' | 'sequence' | 'split' | 'refuse'
  readonly refresh?: boolean
  readonly maybeStored?: boolean
  /** What a publisher is told. Default: `PUBLISH_FAILED`. */
  readonly code?: BusbarErrorCode
  /** Default: that of the code. */
  readonly retryable?: boolean
}

export const kafkaCode = {
  none: 0,
  unknownTopicOrPartition: 3,
  messageTooLarge: 10,
  unknownProducerId: 59,
  invalidProducerEpoch: 47,
} as const

const meanings: Readonly<Record<number, ErrorMeaning>> = {
  [-1]: { name: 'UNKNOWN_SERVER_ERROR', kind: 'retry', maybeStored: true },
  2: { name: 'CORRUPT_MESSAGE', kind: 'retry' },
  3: { name: 'UNKNOWN_TOPIC_OR_PARTITION', kind: 'retry', refresh: true, code: 'TOPIC_MISSING' },
  5: { name: 'LEADER_NOT_AVAILABLE', kind: 'retry', refresh: true },
  6: { name: 'NOT_LEADER_OR_FOLLOWER', kind: 'retry', refresh: true, maybeStored: true },
  7: { name: 'REQUEST_TIMED_OUT', kind: 'retry', maybeStored: true },
  8: { name: 'BROKER_NOT_AVAILABLE', kind: 'retry', refresh: true },
  9: { name: 'REPLICA_NOT_AVAILABLE', kind: 'retry', refresh: true },
  10: { name: 'MESSAGE_TOO_LARGE', kind: 'split', code: 'RECORD_TOO_LARGE' },
  13: { name: 'NETWORK_EXCEPTION', kind: 'retry', refresh: true, maybeStored: true },
  14: { name: 'COORDINATOR_LOAD_IN_PROGRESS', kind: 'retry' },
  15: { name: 'COORDINATOR_NOT_AVAILABLE', kind: 'retry', refresh: true },
  16: { name: 'NOT_COORDINATOR', kind: 'retry', refresh: true },
  17: { name: 'INVALID_TOPIC_EXCEPTION', kind: 'refuse', code: 'TOPIC_INVALID' },
  18: { name: 'RECORD_LIST_TOO_LARGE', kind: 'split', code: 'RECORD_TOO_LARGE' },
  19: { name: 'NOT_ENOUGH_REPLICAS', kind: 'retry' },
  20: { name: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', kind: 'retry', maybeStored: true },
  29: { name: 'TOPIC_AUTHORIZATION_FAILED', kind: 'refuse', code: 'TOPIC_DENIED' },
  31: { name: 'CLUSTER_AUTHORIZATION_FAILED', kind: 'refuse', code: 'TOPIC_DENIED' },
  32: { name: 'INVALID_TIMESTAMP', kind: 'split', retryable: false },
  41: { name: 'NOT_CONTROLLER', kind: 'retry', refresh: true },
  45: { name: 'OUT_OF_ORDER_SEQUENCE_NUMBER', kind: 'sequence' },
  46: { name: 'DUPLICATE_SEQUENCE_NUMBER', kind: 'duplicate' },
  47: { name: 'INVALID_PRODUCER_EPOCH', kind: 'sequence' },
  51: { name: 'CONCURRENT_TRANSACTIONS', kind: 'retry' },
  56: { name: 'KAFKA_STORAGE_ERROR', kind: 'retry', refresh: true, maybeStored: true },
  59: { name: 'UNKNOWN_PRODUCER_ID', kind: 'sequence' },
  74: { name: 'FENCED_LEADER_EPOCH', kind: 'retry', refresh: true },
  75: { name: 'UNKNOWN_LEADER_EPOCH', kind: 'retry', refresh: true },
  76: { name: 'UNSUPPORTED_COMPRESSION_TYPE', kind: 'refuse', retryable: false },
  87: { name: 'INVALID_RECORD', kind: 'split', retryable: false },
  89: { name: 'THROTTLING_QUOTA_EXCEEDED', kind: 'retry' },
  100: { name: 'UNKNOWN_TOPIC_ID', kind: 'retry', refresh: true },
}

/** A code that is not listed refuses: it is none that Produce is known to answer. */
export function meaningOf(errorCode: number): ErrorMeaning {
  return (
    meanings[errorCode] ?? {
      name: `error code ${errorCode}`,
      kind: 'refuse',
      maybeStored: true,
      retryable: false,
    }
  )
}
