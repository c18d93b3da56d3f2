import type { OutboundRecord } from '@busbar/core'
import { crc32c } from './crc32c.js'
import { bytesSize, headersSize, writeBytes, writeHeaders } from './record-fields.js'
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.js'

/**
 * Kafka's record batch, version 2 (magic 2, Kafka 0.11; KIP-98 and the protocol guide's "Record Batch"), written into
 * one buffer.
 */

/** Bytes in front of the records of a batch. */
export const batchHeaderBytes = 61

/** The most bytes that a record takes besides its content: length, attributes and the two deltas. */
export const recordOverheadBytes = 5 + 1 + 10 + 5

/** Who writes a batch, for the broker to recognize one that it has. Without idempotence: {@link noProducer}. */
export interface BatchProducer {
  readonly producerId: bigint
  readonly epoch: number
  readonly baseSequence: number
  /** Whether the batch belongs to a transaction, and is read only once that is committed. Default: false. */
  readonly transactional?: boolean
}

export const noProducer: BatchProducer = { producerId: -1n, epoch: -1, baseSequence: -1 }

/** The bit in the attributes of a batch that says so. */
const transactionalAttribute = 0x10

/** Turns the records of a batch into fewer bytes. */
export interface BatchCompressor {
  /** The compression's number in the attributes of a batch. */
  readonly id: number
  compress(records: Buffer): Promise<Uint8Array>
}

/** Bytes of a record's key, value and headers with their lengths; not a number where one of them is of no legal type. */
export function contentSizeOf(record: OutboundRecord): number {
  return bytesSize(record.key) + bytesSize(record.value) + headersSize(record.headers)
}

/** Bytes of a batch that holds one record of this content alone: the least that it can be sent in, uncompressed. */
export function singleBatchSize(contentSize: number): number {
  const body = 1 + 1 + 1 + contentSize
  return batchHeaderBytes + varintSize(body) + body
}

/**
 * A batch, uncompressed.
 *
 * @param contentSizes What {@link contentSizeOf} says of each record.
 */
export function encodeRecordBatch(
  records: readonly OutboundRecord[],
  contentSizes: readonly number[],
  producer: BatchProducer,
): Buffer {
  const batch = encodeRecords(records, contentSizes, batchHeaderBytes)
  writeHeader(batch, records, producer, 0)
  return batch
}

/** A batch whose records are compressed together. */
export async function encodeCompressedBatch(
  records: readonly OutboundRecord[],
  contentSizes: readonly number[],
  producer: BatchProducer,
  compressor: BatchCompressor,
): Promise<Buffer> {
  const compressed = await compressor.compress(encodeRecords(records, contentSizes, 0))
  const batch = Buffer.allocUnsafe(batchHeaderBytes + compressed.length)
  batch.set(compressed, batchHeaderBytes)
  writeHeader(batch, records, producer, compressor.id)
  return batch
}

function writeHeader(
  batch: Buffer,
  records: readonly OutboundRecord[],
  producer: BatchProducer,
  compression: number,
): void {
  const baseTimestamp = (records[0] as OutboundRecord).timestampMs
  let maxTimestamp = baseTimestamp
  for (const record of records) if (record.timestampMs > maxTimestamp) maxTimestamp = record.timestampMs
  batch.writeBigInt64BE(0n, 0) // base offset: the broker's to set
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12) // partition leader epoch: the broker's to set
  batch.writeInt8(2, 16)
  batch.writeInt16BE(producer.transactional ? compression | transactionalAttribute : compression, 21)
  batch.writeInt32BE(records.length - 1, 23)
  batch.writeBigInt64BE(BigInt(baseTimestamp), 27)
  batch.writeBigInt64BE(BigInt(maxTimestamp), 35)
  batch.writeBigInt64BE(producer.producerId, 43)
  batch.writeInt16BE(producer.epoch, 51)
  batch.writeInt32BE(producer.baseSequence, 53)
  batch.writeInt32BE(records.length, 57)
  batch.writeUInt32BE(crc32c(batch, 21), 17)
}

/** The records behind `headroom` free bytes. */
function encodeRecords(
  records: readonly OutboundRecord[],
  contentSizes: readonly number[],
  headroom: number,
): Buffer {
  const count = records.length
  const baseTimestamp = (records[0] as OutboundRecord).timestampMs
  let size = headroom
  const bodySizes = new Int32Array(count)
  for (let i = 0; i < count; i++) {
    const timestampDelta = (records[i] as OutboundRecord).timestampMs - baseTimestamp
    const body = 1 + varlongSize(timestampDelta) + varintSize(i) + (contentSizes[i] as number)
    bodySizes[i] = body
    size += varintSize(body) + body
  }
  const target = Buffer.allocUnsafe(size)
  let position = headroom
  for (let i = 0; i < count; i++) {
    const record = records[i] as OutboundRecord
    position = writeVarint(target, position, bodySizes[i] as number)
    target[position++] = 0 // attributes: none are defined
    position = writeVarlong(target, position, record.timestampMs - baseTimestamp)
    position = writeVarint(target, position, i)
    position = writeBytes(target, position, record.key)
    position = writeBytes(target, position, record.value)
    position = writeHeaders(target, position, record.headers)
  }
  // A buffer that was changed meanwhile would shift everything behind it: better no batch than a broken one.
  if (position !== size)
    throw new RangeError(`a record batch took ${position} bytes where ${size} were expected`)
  return target
}
