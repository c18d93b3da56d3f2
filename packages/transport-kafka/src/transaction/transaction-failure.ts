import { BusbarError, type BusbarErrorCode, type RecordFailure } from '@busbar/core'
import { meaningOf } from '../producer/error-codes.js'

/**
 * - `aborted`: nothing of the transaction is stored, and its epoch is spent.
 * - `fenced`: besides, somebody else holds the transactional id, or the membership is over.
 * - `unknown`: it was to be committed, and no answer says whether it was.
 */
export type FailureKind = 'aborted' | 'fenced' | 'unknown'

/** Why a transaction did not come to its end. */
export class TransactionFailure extends Error {
  override readonly name = 'TransactionFailure'
  readonly kind: FailureKind
  readonly error: BusbarError

  constructor(kind: FailureKind, error: BusbarError) {
    super(error.message, { cause: error })
    this.kind = kind
    this.error = error
  }
}

/** What to do about an error code of a coordinator (`org.apache.kafka.common.protocol.Errors`). */
interface CoordinatorVerdict {
  readonly name: string
  readonly kind: 'retry' | 'fenced' | 'aborted'
  /** Another broker may be the coordinator now. */
  readonly moved?: boolean
  /** It passes within milliseconds: the markers of the transaction before are being written. */
  readonly soon?: boolean
  readonly code?: BusbarErrorCode
  readonly advice?: string
}

const verdicts: Readonly<Record<number, CoordinatorVerdict>> = {
  12: { name: 'OFFSET_METADATA_TOO_LARGE', kind: 'aborted', code: 'CONFIG_INVALID' },
  14: { name: 'COORDINATOR_LOAD_IN_PROGRESS', kind: 'retry' },
  15: { name: 'COORDINATOR_NOT_AVAILABLE', kind: 'retry', moved: true },
  16: { name: 'NOT_COORDINATOR', kind: 'retry', moved: true },
  22: { name: 'ILLEGAL_GENERATION', kind: 'fenced' },
  25: { name: 'UNKNOWN_MEMBER_ID', kind: 'fenced' },
  27: { name: 'REBALANCE_IN_PROGRESS', kind: 'fenced' },
  30: {
    name: 'GROUP_AUTHORIZATION_FAILED',
    kind: 'aborted',
    code: 'GROUP_DENIED',
    advice: 'grant READ on the group',
  },
  47: { name: 'INVALID_PRODUCER_EPOCH', kind: 'fenced' },
  48: { name: 'INVALID_TXN_STATE', kind: 'aborted' },
  49: { name: 'INVALID_PRODUCER_ID_MAPPING', kind: 'fenced' },
  50: {
    name: 'INVALID_TRANSACTION_TIMEOUT',
    kind: 'aborted',
    code: 'CONFIG_INVALID',
    advice: '`transactionTimeoutMs` is more than the broker allows (transaction.max.timeout.ms)',
  },
  51: { name: 'CONCURRENT_TRANSACTIONS', kind: 'retry', soon: true },
  53: {
    name: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    kind: 'aborted',
    code: 'GROUP_DENIED',
    advice: 'grant DESCRIBE and WRITE on transactional ids that begin with the name of the group and a slash',
  },
  82: { name: 'FENCED_INSTANCE_ID', kind: 'fenced' },
  88: { name: 'UNSTABLE_OFFSET_COMMIT', kind: 'retry', soon: true },
  90: { name: 'PRODUCER_FENCED', kind: 'fenced' },
}

/** What an error code of a coordinator means; codes that it shares with Produce mean there what they mean here. */
export function verdictOf(errorCode: number): CoordinatorVerdict {
  const known = verdicts[errorCode]
  if (known) return known
  const { name, kind, code } = meaningOf(errorCode)
  return { name, kind: kind === 'retry' ? 'retry' : 'aborted', ...(code === undefined ? {} : { code }) }
}

/** The failure that a code means, or the last of those that were tried again for too long. */
export function failureOf(errorCode: number, doing: string): TransactionFailure {
  const { name, kind, code, advice } = verdictOf(errorCode)
  const message = `${doing}: ${name}${advice === undefined ? '' : ` (${advice})`}`
  if (kind !== 'fenced') return aborted(message, { code: code ?? 'TRANSACTION_FAILED' })
  const why = `${message}: ${isOfGroup(errorCode) ? 'the group has gone on without this member' : 'another member has claimed the transactional id since'}`
  return new TransactionFailure('fenced', new BusbarError('ABORTED', why))
}

/** Whether it is the group's coordinator that fences, and not that of the transaction. */
function isOfGroup(errorCode: number): boolean {
  return [22, 25, 27, 82].includes(errorCode)
}

interface AbortReason {
  /** Default: `TRANSACTION_FAILED`. */
  readonly code?: BusbarErrorCode
  readonly cause?: unknown
  readonly retryable?: boolean
  /** The records of the transaction that are the reason. */
  readonly failures?: readonly RecordFailure[]
}

export function aborted(
  message: string,
  { code = 'TRANSACTION_FAILED', ...options }: AbortReason = {},
): TransactionFailure {
  return new TransactionFailure('aborted', new BusbarError(code, message, options))
}

/** Anything thrown as a failure: what is none says that nothing is stored. */
export function asFailure(thrown: unknown, doing: string): TransactionFailure {
  if (thrown instanceof TransactionFailure) return thrown
  return new TransactionFailure('aborted', BusbarError.from(thrown, 'TRANSACTION_FAILED', doing))
}
