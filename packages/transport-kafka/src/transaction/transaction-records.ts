import { BusbarError, type OutboundRecord, type RecordFailure, type RecordPosition } from '@busbar/core'
import type { PartitionQueue } from '../producer/partition-queue.js'
import type { Topic } from '../producer/topic.js'
import { batchHeaderBytes, contentSizeOf, recordOverheadBytes, singleBatchSize } from '../record-batch.js'
import { aborted, type TransactionFailure } from './transaction-failure.js'

/** Records of one partition that are sent together. */
export interface TransactionBatch {
  readonly records: OutboundRecord[]
  readonly sizes: number[]
  /** The index of each record in the transaction. */
  readonly slots: number[]
}

/** The records of one transaction that go to one partition. */
export interface TransactionPartition {
  readonly queue: PartitionQueue
  readonly batches: TransactionBatch[]
}

/**
 * Parts the records of a transaction by partition and into batches, in their order.
 *
 * @param topicOf The topic of a record, loaded.
 * @throws TransactionFailure where some can't be sent: its error has them as `failures`.
 */
export function partRecords(
  records: readonly OutboundRecord[],
  topicOf: (name: string) => Topic,
  maxBatchBytes: number,
  isCompressed: boolean,
): TransactionPartition[] {
  const parts = new Map<PartitionQueue, TransactionPartition>()
  // Records without a key keep together: a batch each would cost more than they do.
  const keyless = new Map<Topic, PartitionQueue>()
  const filled = new Map<TransactionPartition, number>()
  const failures: RecordFailure[] = []
  for (const [slot, record] of records.entries()) {
    const topic = topicOf(record.topic)
    let size: number
    let queue: PartitionQueue
    try {
      size = sizeOf(record, topic, isCompressed)
      queue = queueOf(record, topic, keyless)
    } catch (error) {
      failures.push({
        index: slot,
        error: BusbarError.from(error, 'INTERNAL', 'Choosing a partition failed'),
      })
      continue
    }
    const part = parts.get(queue) ?? { queue, batches: [] }
    parts.set(queue, part)
    const limit = Math.min(maxBatchBytes, topic.maxMessageBytes)
    const bytes = (filled.get(part) ?? limit) + size + recordOverheadBytes
    let batch = part.batches.at(-1)
    if (!batch || bytes > limit) {
      batch = { records: [], sizes: [], slots: [] }
      part.batches.push(batch)
      filled.set(part, batchHeaderBytes + size + recordOverheadBytes)
    } else {
      filled.set(part, bytes)
    }
    batch.records.push(record)
    batch.sizes.push(size)
    batch.slots.push(slot)
  }
  if (failures.length > 0) throw refusedRecords(failures)
  return [...parts.values()]
}

/** The failure of a transaction that some of its records are the reason of. */
export function refusedRecords(failures: readonly RecordFailure[]): TransactionFailure {
  const { code, message, retryable } = (failures[0] as RecordFailure).error
  return aborted(message, { code, retryable, failures, cause: failures[0]?.error })
}

/** Where the records of a stored batch stand. */
export function enterPositions(
  positions: RecordPosition[],
  { topic, partition }: PartitionQueue,
  { slots }: TransactionBatch,
  baseOffset: number,
): void {
  for (const [index, slot] of slots.entries())
    positions[slot] = { topic, partition, offset: baseOffset < 0 ? -1 : baseOffset + index }
}

function queueOf(record: OutboundRecord, topic: Topic, keyless: Map<Topic, PartitionQueue>): PartitionQueue {
  if (record.partition !== undefined || record.key !== null)
    return topic.chooser.choose(record, topic.partitions)
  const queue = keyless.get(topic) ?? topic.chooser.choose(record, topic.partitions)
  keyless.set(topic, queue)
  return queue
}

function sizeOf(record: OutboundRecord, topic: Topic, isCompressed: boolean): number {
  const size = contentSizeOf(record)
  if (!(size > 0 && Number.isSafeInteger(record.timestampMs) && record.timestampMs >= 0)) {
    const needs = 'bytes or null as key and value, bytes or text as headers, milliseconds as timestampMs'
    throw new BusbarError('CONFIG_INVALID', `A record of topic ${topic.name} needs ${needs}`)
  }
  const least = singleBatchSize(size)
  if (!isCompressed && least > topic.maxMessageBytes) throw tooLarge(topic.name, least, topic.maxMessageBytes)
  return size
}

/** @throws TransactionFailure for a batch that is found to be too large once it is compressed. */
export function checkBatch(topic: Topic, batch: TransactionBatch, bytes: Buffer): void {
  if (bytes.length <= topic.maxMessageBytes) return
  const error = tooLarge(topic.name, bytes.length, topic.maxMessageBytes)
  throw refusedRecords(batch.slots.map(index => ({ index, error })))
}

function tooLarge(topic: string, size: number, limit: number): BusbarError {
  const message = `A record of ${size} bytes is too large for topic ${topic}, which takes ${limit} (max.message.bytes)`
  return new BusbarError('RECORD_TOO_LARGE', message)
}
