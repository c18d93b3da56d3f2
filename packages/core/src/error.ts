/**
 * The closed set of error codes. A code is stable: programs may branch on it; messages are for people.
 *
 * | code | retryable | meaning |
 * |---|---|---|
 * | `CONFIG_INVALID` | no | an option, a contract or a subscription contradicts itself or another |
 * | `EVENT_UNKNOWN` | no | what was given is no event or request definition |
 * | `PAYLOAD_INVALID` | no | the payload does not match the schema of its contract |
 * | `ENCODE_FAILED` | no | the codec could not turn the payload into bytes |
 * | `DECODE_FAILED` | no | the bytes of a record are not what the codec of its contract writes |
 * | `SCHEMA_INVALID` | no | a schema that its format does not allow |
 * | `SCHEMA_INCOMPATIBLE` | no | a schema cannot be read with another, or may not follow it |
 * | `SCHEMA_UNKNOWN` | yes | nobody here knows the schema that a record was written with, or is to be written with |
 * | `REGISTRY_UNAVAILABLE` | yes | the schema registry did not answer, or not in time |
 * | `REGISTRY_DENIED` | no | the schema registry refused the credentials, or does not allow this to them |
 * | `HEADER_INVALID` | no | a header has a reserved name or is not valid UTF-8 |
 * | `ENVELOPE_INVALID` | no | the CloudEvents headers of a record cannot be read |
 * | `RECORD_TOO_LARGE` | no | a record exceeds the size that the broker accepts |
 * | `TOPIC_INVALID` | no | a topic name or setting that the broker would refuse |
 * | `TOPIC_MISSING` | no | a topic does not exist and may not be created |
 * | `TOPIC_MISMATCH` | no | a topic exists with other partitions, replication or configuration than declared |
 * | `TOPIC_DENIED` | no | the credentials do not allow this on the topic |
 * | `GROUP_DENIED` | no | the credentials do not allow this consumer group |
 * | `AUTHENTICATION_FAILED` | no | user, password or mechanism were refused |
 * | `TLS_FAILED` | no | no trusted TLS connection: certificate, host name, or plain text on a TLS port |
 * | `CONNECTION_FAILED` | yes | nobody answers at the address |
 * | `PUBLISH_FAILED` | yes | the broker refused the record for now; it was not stored |
 * | `PUBLISH_PARTIAL` | yes | some records of a batch were not stored; `failures` says which and why |
 * | `PUBLISH_OUTCOME_UNKNOWN` | yes | no answer within `publishTimeoutMs`: the record may or may not have been stored |
 * | `PUBLISH_QUEUE_FULL` | yes | the limit of waiting publishes was reached and did not clear in time |
 * | `REQUEST_TIMEOUT` | yes | no reply within `timeoutMs` |
 * | `REMOTE_FAILED` | no | the responder's handler failed with an error that the request does not declare |
 * | `DECLARED` | no | the responder answered with an error that the request declares |
 * | `HANDLER_FAILED` | yes | a handler threw; the cause is what it threw |
 * | `HANDLER_TIMEOUT` | yes | a handler took longer than its time limit |
 * | `RETRY_FAILED` | yes | a record that failed could not be written to its retry topic for now |
 * | `DEAD_LETTER_FAILED` | yes | a record that failed for good could not be written to its dead-letter topic |
 * | `CLAIM_LOST` | yes | the claim of an idempotency key went to another delivery while the handler ran |
 * | `MIDDLEWARE_MISUSED` | no | `next()` called twice, or not awaited |
 * | `STATE_LOCKED` | yes | the state of a partition is open elsewhere on this machine |
 * | `STATE_CORRUPT` | no | the stored state of a partition cannot be read |
 * | `STATE_FAILED` | yes | the disk, or whatever keeps the state, failed |
 * | `STATE_UNAVAILABLE` | yes | the state of a partition is not here: closed, not restored yet, or with another instance |
 * | `TRANSACTION_FAILED` | yes | a position and the records that belong to it were not committed, or it is not known whether they were |
 * | `POSITION_OUT_OF_RANGE` | no | a committed position is no longer in the log |
 * | `CONSUMER_CRASHED` | yes | a consumer stopped by itself; it is restarted within bounds |
 * | `CAPABILITY_MISSING` | no | the transport cannot do this |
 * | `ABORTED` | no | the caller's signal aborted |
 * | `BUS_CLOSED` | no | the bus, subscription or transport was closed |
 * | `INTERNAL` | no | a fault of this library: please report it |
 */
export type BusbarErrorCode = keyof typeof retryableByCode

const retryableByCode = {
  CONFIG_INVALID: false,
  EVENT_UNKNOWN: false,
  PAYLOAD_INVALID: false,
  ENCODE_FAILED: false,
  DECODE_FAILED: false,
  SCHEMA_INVALID: false,
  SCHEMA_INCOMPATIBLE: false,
  SCHEMA_UNKNOWN: true,
  REGISTRY_UNAVAILABLE: true,
  REGISTRY_DENIED: false,
  HEADER_INVALID: false,
  ENVELOPE_INVALID: false,
  RECORD_TOO_LARGE: false,
  TOPIC_INVALID: false,
  TOPIC_MISSING: false,
  TOPIC_MISMATCH: false,
  TOPIC_DENIED: false,
  GROUP_DENIED: false,
  AUTHENTICATION_FAILED: false,
  TLS_FAILED: false,
  CONNECTION_FAILED: true,
  PUBLISH_FAILED: true,
  PUBLISH_PARTIAL: true,
  PUBLISH_OUTCOME_UNKNOWN: true,
  PUBLISH_QUEUE_FULL: true,
  REQUEST_TIMEOUT: true,
  REMOTE_FAILED: false,
  DECLARED: false,
  HANDLER_FAILED: true,
  HANDLER_TIMEOUT: true,
  RETRY_FAILED: true,
  DEAD_LETTER_FAILED: true,
  CLAIM_LOST: true,
  MIDDLEWARE_MISUSED: false,
  STATE_LOCKED: true,
  STATE_CORRUPT: false,
  STATE_FAILED: true,
  STATE_UNAVAILABLE: true,
  TRANSACTION_FAILED: true,
  POSITION_OUT_OF_RANGE: false,
  CONSUMER_CRASHED: true,
  CAPABILITY_MISSING: false,
  ABORTED: false,
  BUS_CLOSED: false,
  INTERNAL: false,
} as const

/** One record of a batch that was not stored: its index in the batch, and why. */
export interface RecordFailure {
  readonly index: number
  readonly error: BusbarError
}

export interface BusbarErrorOptions {
  /** What led to this error, kept as it was thrown. */
  readonly cause?: unknown
  /** Whether trying the same again can succeed. Default: by the code, see {@link BusbarErrorCode}. */
  readonly retryable?: boolean
  /** The records of a batch that were not stored (`PUBLISH_PARTIAL`). */
  readonly failures?: readonly RecordFailure[]
}

/**
 * The one error class of Busbar. The message says what was being done, to what, why it failed and what to do;
 * `code` is for programs; `cause` is the original error.
 */
export class BusbarError extends Error {
  override readonly name: string = 'BusbarError'
  readonly code: BusbarErrorCode
  readonly retryable: boolean
  readonly failures: readonly RecordFailure[]

  constructor(code: BusbarErrorCode, message: string, options: BusbarErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryable = options.retryable ?? retryableByCode[code]
    this.failures = options.failures ?? []
  }

  /** A `BusbarError` as it is; anything else wrapped as the given code, with its message appended and kept as the cause. */
  static from(thrown: unknown, code: BusbarErrorCode, doing: string): BusbarError {
    if (thrown instanceof BusbarError) return thrown
    return new BusbarError(code, `${doing}: ${reasonOf(thrown)}`, { cause: thrown })
  }
}

/** The code of a failure; that of what is no `BusbarError` is given. */
export function codeOf(thrown: unknown, foreign: BusbarErrorCode): BusbarErrorCode {
  return thrown instanceof BusbarError ? thrown.code : foreign
}

/** Whether trying again can help: what is no `BusbarError` may pass. */
export function isRetryable(thrown: unknown): boolean {
  return thrown instanceof BusbarError ? thrown.retryable : true
}

/** The shortest useful reason in anything that can be thrown. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name
  return typeof thrown === 'string' ? thrown : `a thrown ${thrown === null ? 'null' : typeof thrown}`
}
