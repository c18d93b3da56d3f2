import type { BusbarError, OutboundRecord } from '@busbar/core'
import { batchHeaderBytes, recordOverheadBytes } from '../record-batch.js'
import type { ProducerIdentity } from './producer-identity.js'
import { PublishBatch } from './publish-batch.js'
import type { PublishCall } from './publish-call.js'

/**
 * The records of one partition in the order they were given: first batches that were formed and have to be (re)sent,
 * then what has not been put into a batch yet. Only the first batch is ever encoded or in flight.
 */
export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  /** The node that leads it; -1 where there is none. */
  leader = -1
  /**
   * - `idle`: nothing to send
   * - `ready`: in its leader's list
   * - `sending`: its first batch is in a request
   * - `waiting`: for the time of the next try, for a leader or for a producer id
   */
  state: 'idle' | 'ready' | 'sending' | 'waiting' = 'idle'
  /** Undefined before the first batch, and when it needs a new producer id. */
  identity: ProducerIdentity | undefined
  /** Whether the next identity must have a producer id of its own. */
  needsOwnId = false
  /** Tries in a row that failed. */
  failures = 0
  lastError: unknown
  /** Content bytes that are not in a batch yet. */
  looseBytes = 0
  readonly batches: PublishBatch[] = []
  #records: OutboundRecord[] = []
  #calls: PublishCall[] = []
  #slots: number[] = []
  #sizes: number[] = []

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get empty(): boolean {
    return this.batches.length === 0 && this.#records.length === 0
  }

  push(record: OutboundRecord, call: PublishCall, slot: number, size: number): void {
    this.#records.push(record)
    this.#calls.push(call)
    this.#slots.push(slot)
    this.#sizes.push(size)
    this.looseBytes += size
  }

  /** The batch that has to go next, or undefined when there is nothing. It stays the first one until `shift`. */
  first(maxBatchBytes: number): PublishBatch | undefined {
    if (this.batches.length === 0 && this.#records.length > 0) this.batches.push(this.#form(maxBatchBytes))
    return this.batches[0]
  }

  /**
   * Settles what has waited too long with the error made for it; a batch in flight stays. Returns what was settled.
   *
   * @param makeError Called with whether the record may have been stored.
   */
  expire(now: number, makeError: (maybeStored: boolean) => BusbarError): { records: number; bytes: number } {
    const settled = { records: 0, bytes: 0 }
    const isLate = (_: number, call: PublishCall): boolean => call.deadline <= now
    for (const batch of this.batches) {
      if (!batch.calls.some(call => call && call.deadline <= now)) continue
      const unknown = batch.maybeStored || (batch.inFlight && batch.written)
      if (batch.inFlight && !unknown) batch.stale = true
      const { records, bytes } = batch.failed(makeError(unknown), isLate)
      settled.records += records
      settled.bytes += bytes
    }
    let late = 0
    while (late < this.#calls.length && (this.#calls[late] as PublishCall).deadline <= now) late++
    if (late > 0) {
      const { records, bytes } = this.#take(late).failed(makeError(false), () => true)
      settled.records += records
      settled.bytes += bytes
    }
    return settled
  }

  /** Everything that is not in flight, taken out: for failing it as a whole. */
  takeAll(): PublishBatch[] {
    const from = this.batches[0]?.inFlight ? 1 : 0
    const taken = this.batches.splice(from)
    if (this.#records.length > 0) taken.push(this.#take(this.#records.length))
    return taken
  }

  #form(maxBatchBytes: number): PublishBatch {
    const sizes = this.#sizes
    let bytes = batchHeaderBytes + (sizes[0] as number) + recordOverheadBytes
    let count = 1
    for (; count < sizes.length; count++) {
      bytes += (sizes[count] as number) + recordOverheadBytes
      if (bytes > maxBatchBytes) break
    }
    return this.#take(count)
  }

  #take(count: number): PublishBatch {
    let batch: PublishBatch
    if (count === this.#records.length) {
      batch = new PublishBatch(this.#records, this.#calls, this.#slots, this.#sizes)
      this.#records = []
      this.#calls = []
      this.#slots = []
      this.#sizes = []
      this.looseBytes = 0
    } else {
      batch = new PublishBatch(
        this.#records.splice(0, count),
        this.#calls.splice(0, count),
        this.#slots.splice(0, count),
        this.#sizes.splice(0, count),
      )
      for (const size of batch.sizes) this.looseBytes -= size
    }
    return batch
  }
}
