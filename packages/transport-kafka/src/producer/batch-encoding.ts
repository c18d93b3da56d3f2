import {
  type BatchCompressor,
  encodeCompressedBatch,
  encodeRecordBatch,
  noProducer,
} from '../record-batch.js'
import type { BatchOutcomes, SentBatch } from './broker-sender.js'

/** Encodes batches that are not yet; returns those that can go out. */
export function encodePlain(all: readonly SentBatch[], outcomes: BatchOutcomes): SentBatch[] {
  return all.filter(sent => {
    const { batch, queue } = sent
    try {
      batch.producer ??= queue.identity?.next ?? noProducer
      batch.bytes ??= encodeRecordBatch(batch.records, batch.sizes, batch.producer)
      return true
    } catch (error) {
      outcomes.unencodable(sent, error)
      return false
    }
  })
}

/** The same, compressed: only then it is known whether a batch is too large. */
export async function encodeCompressed(
  all: readonly SentBatch[],
  codec: BatchCompressor,
  outcomes: BatchOutcomes,
): Promise<SentBatch[]> {
  const encoded = await Promise.all(
    all.map(async sent => {
      const { batch, queue } = sent
      try {
        batch.producer ??= queue.identity?.next ?? noProducer
        batch.bytes ??= await encodeCompressedBatch(batch.records, batch.sizes, batch.producer, codec)
        if (batch.written || batch.bytes.length <= outcomes.batchLimit(queue)) return sent
        outcomes.oversized(sent)
      } catch (error) {
        outcomes.unencodable(sent, error)
      }
      return undefined
    }),
  )
  return encoded.filter(sent => sent !== undefined)
}
