import { BusbarError, type BusbarErrorCode, reasonOf } from '@busbar/core'
import type { ErrorMeaning } from './error-codes.js'
import type { PartitionQueue } from './partition-queue.js'

/** The error of a record that may have been stored. */
export function unknownOutcome(queue: PartitionQueue, cause: unknown): BusbarError {
  const reason = cause === undefined ? 'no answer came' : reasonOf(cause)
  const message = `A record of ${nameOf(queue)} was sent, but it is not known whether it was stored: ${reason}`
  return new BusbarError('PUBLISH_OUTCOME_UNKNOWN', message, { cause })
}

/** The error of a record that was not stored in time. */
export function notStored(queue: PartitionQueue, cause: unknown): BusbarError {
  const reason = cause === undefined ? 'its turn did not come in time' : reasonOf(cause)
  return publishError(cause, `A record of ${nameOf(queue)} was not stored: ${reason}`)
}

/** The error of a record that was not stored; where the cause says what is to be mended, with its code. */
export function publishError(cause: unknown, message: string): BusbarError {
  if (!(cause instanceof BusbarError) || cause.code === 'CONNECTION_FAILED') {
    return new BusbarError('PUBLISH_FAILED', message, { cause })
  }
  return new BusbarError(cause.code, message, { cause, retryable: cause.retryable })
}

/** The error of a record that the broker refused. */
export function refusal(
  queue: PartitionQueue,
  { code = 'PUBLISH_FAILED', retryable }: ErrorMeaning,
  text: string,
): BusbarError {
  const options = { cause: queue.lastError, ...(retryable === undefined ? {} : { retryable }) }
  return new BusbarError(
    code satisfies BusbarErrorCode,
    `A record of ${nameOf(queue)} was refused: ${text}`,
    options,
  )
}

/** How errors name a partition. */
export function nameOf(queue: PartitionQueue): string {
  return `topic ${queue.topic}, partition ${queue.partition}`
}
