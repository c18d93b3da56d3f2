import type { BusbarError, OutboundRecord } from '@busbar/core'
import type { BatchProducer } from '../record-batch.js'
import type { PublishCall } from './publish-call.js'

/**
 * Records of one partition that are sent, and sent again, together: the broker recognizes a repeated batch only by the
 * same producer, sequence and count, so a batch that may be stored keeps its bytes.
 */
export class PublishBatch {
  records: OutboundRecord[]
  /** Undefined where the publisher has its answer already. */
  calls: (PublishCall | undefined)[]
  /** The index of each record in its call. */
  slots: number[]
  /** Content sizes. */
  sizes: number[]
  /** What is sent, once encoded. */
  bytes: Buffer | undefined
  producer: BatchProducer | undefined
  /** Whether a request with these bytes was written at least once. */
  written = false
  /** Whether the broker may have stored it: some request got no answer, or one that leaves it open. */
  maybeStored = false
  /** Whether a request is being made of it, or out. */
  inFlight = false
  /** Whether a publisher was told, before the request was written, that its record is not stored: it must not go out. */
  stale = false
  /** How many publishers' records are without an answer. */
  live: number

  constructor(
    records: OutboundRecord[],
    calls: (PublishCall | undefined)[],
    slots: number[],
    sizes: number[],
  ) {
    this.records = records
    this.calls = calls
    this.slots = slots
    this.sizes = sizes
    this.live = records.length
  }

  /** The records of this batch to which the test on the index applies, as a batch that was never sent. */
  pick(test: (index: number) => boolean): PublishBatch {
    const picked = new PublishBatch([], [], [], [])
    for (let i = 0; i < this.records.length; i++) {
      if (this.calls[i] === undefined || !test(i)) continue
      picked.records.push(this.records[i] as OutboundRecord)
      picked.calls.push(this.calls[i])
      picked.slots.push(this.slots[i] as number)
      picked.sizes.push(this.sizes[i] as number)
    }
    picked.live = picked.records.length
    return picked
  }

  /** Forgets the bytes, which must not have been stored, so that they are encoded anew. */
  reset(): void {
    this.bytes = undefined
    this.producer = undefined
    this.written = false
  }

  /** Tells every publisher that is waiting. Returns the bytes and records that are settled by this. */
  stored(topic: string, partition: number, baseOffset: number): { records: number; bytes: number } {
    const { calls, slots, sizes } = this
    const records = this.live
    let bytes = 0
    for (let i = 0; i < calls.length; i++) {
      const call = calls[i]
      if (call === undefined) continue
      bytes += sizes[i] as number
      call.stored(slots[i] as number, { topic, partition, offset: baseOffset < 0 ? -1 : baseOffset + i })
    }
    this.live = 0
    return { records, bytes }
  }

  /** Tells the publishers for whose record the test holds. Returns what is settled by this. */
  failed(
    error: BusbarError,
    test: (index: number, call: PublishCall) => boolean,
  ): { records: number; bytes: number } {
    let records = 0
    let bytes = 0
    for (let i = 0; i < this.calls.length; i++) {
      const call = this.calls[i]
      if (call === undefined || !test(i, call)) continue
      this.calls[i] = undefined
      records++
      bytes += this.sizes[i] as number
      call.failed(this.slots[i] as number, error)
    }
    this.live -= records
    return { records, bytes }
  }
}
