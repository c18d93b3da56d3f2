import type { Timer } from '@busbar/core'
import type { BatchCompressor } from '../record-batch.js'
import { encodeCompressed, encodePlain } from './batch-encoding.js'
import type { BrokerLinks } from './broker-links.js'
import type { PartitionQueue } from './partition-queue.js'
import type { ProduceAnswer } from './produce-protocol.js'
import type { ProducerSettings } from './producer-options.js'
import type { PublishBatch } from './publish-batch.js'

/** The most bytes of batches in one request: far below the broker's `socket.request.max.bytes` (100 MiB). */
const maxRequestBytes = 16 * 1024 * 1024

/** A batch in a request. */
export interface SentBatch {
  readonly queue: PartitionQueue
  readonly batch: PublishBatch
}

/** Whoever decides what becomes of batches. */
export interface BatchOutcomes {
  answered(sent: SentBatch, answer: ProduceAnswer): void
  /** No answer came. The batch knows whether it was written. */
  lost(sent: SentBatch, error: unknown): void
  /** It could not be encoded. */
  unencodable(sent: SentBatch, error: unknown): void
  /** Its bytes are more than the topic takes, compressed as they are. */
  oversized(sent: SentBatch): void
  batchLimit(queue: PartitionQueue): number
}

/**
 * Sends to one broker, with one request outstanding: what becomes ready meanwhile is gathered and goes out next, and so
 * no partition ever has two batches on their way, which is what keeps its order and its sequences right.
 */
export class BrokerSender {
  readonly #nodeId: number
  readonly #links: BrokerLinks
  readonly #settings: ProducerSettings
  readonly #codec: BatchCompressor | undefined
  readonly #outcomes: BatchOutcomes
  #ready: PartitionQueue[] = []
  #busy = false
  #scheduled = false
  #lingering: Timer | undefined
  #lingerUntil = 0
  #throttledUntil = 0

  constructor(
    nodeId: number,
    links: BrokerLinks,
    settings: ProducerSettings,
    codec: BatchCompressor | undefined,
    outcomes: BatchOutcomes,
  ) {
    this.#nodeId = nodeId
    this.#links = links
    this.#settings = settings
    this.#codec = codec
    this.#outcomes = outcomes
  }

  /** Sends what the queue has, soon. */
  add(queue: PartitionQueue): void {
    queue.state = 'ready'
    const { lingerMs, clock } = this.#settings
    if (lingerMs > 0 && this.#ready.length === 0) this.#lingerUntil = clock() + lingerMs
    this.#ready.push(queue)
    this.#schedule()
  }

  /** Sends now what would wait for more to come. */
  hurry(): void {
    this.#lingerUntil = 0
    if (!this.#lingering) return
    this.#lingering.cancel()
    this.#lingering = undefined
    this.#scheduled = false
    this.#schedule()
  }

  /** The queue is led by another broker now. */
  remove(queue: PartitionQueue): void {
    const at = this.#ready.indexOf(queue)
    if (at >= 0) this.#ready.splice(at, 1)
    queue.state = 'idle'
  }

  #schedule(): void {
    if (this.#busy || this.#scheduled || this.#ready.length === 0) return
    this.#scheduled = true
    const { runtime, clock } = this.#settings
    const until = Math.max(this.#lingerUntil, this.#throttledUntil)
    const waitMs = until === 0 ? 0 : until - clock()
    const go = (): void => {
      this.#scheduled = false
      this.#lingering = undefined
      void this.#send()
    }
    // Deferred: whoever just got an answer may publish again at once, and that belongs into this request.
    if (waitMs > 0) this.#lingering = runtime.setTimer(waitMs, go)
    else runtime.defer(go)
  }

  async #send(): Promise<void> {
    const sent = this.#gather()
    if (sent.length === 0) return
    this.#busy = true
    try {
      const encoded = this.#codec
        ? await encodeCompressed(sent, this.#codec, this.#outcomes)
        : encodePlain(sent, this.#outcomes)
      if (encoded.length > 0) await this.#request(encoded)
    } finally {
      this.#busy = false
      this.#schedule()
    }
  }

  #gather(): SentBatch[] {
    const ready = this.#ready
    this.#ready = []
    const sent: SentBatch[] = []
    let bytes = 0
    for (const queue of ready) {
      if (bytes >= maxRequestBytes) {
        this.#ready.push(queue)
        continue
      }
      const batch = queue.first(this.#outcomes.batchLimit(queue))
      if (!batch) {
        queue.state = 'idle'
        continue
      }
      queue.state = 'sending'
      batch.inFlight = true
      for (const size of batch.sizes) bytes += size
      sent.push({ queue, batch })
    }
    return sent
  }

  async #request(sent: readonly SentBatch[]): Promise<void> {
    const onWrite = (): void => {
      if (sent.some(({ batch }) => batch.stale))
        throw new Error('a publisher stopped waiting before the request was written')
      for (const { batch } of sent) batch.written = true
    }
    const batches = sent.map(({ queue, batch }) => {
      return { topic: queue.topic, partition: queue.partition, batch: batch.bytes as Buffer }
    })
    let answers: readonly ProduceAnswer[]
    try {
      const { partitions, throttleMs } = await this.#links.produce(this.#nodeId, batches, onWrite)
      if (throttleMs > 0) this.#throttledUntil = this.#settings.clock() + throttleMs
      answers = partitions
    } catch (error) {
      for (const one of sent) {
        this.#outcomes.lost(one, error)
      }
      return
    }
    for (let i = 0; i < sent.length; i++) {
      const one = sent[i] as SentBatch
      const { topic, partition } = one.queue
      const isOurs = (found: ProduceAnswer | undefined): boolean =>
        found?.partition === partition && found.topic === topic
      // Brokers mostly answer in the order of the request.
      const answer = isOurs(answers[i]) ? answers[i] : answers.find(isOurs)
      if (answer) this.#outcomes.answered(one, answer)
      else this.#outcomes.lost(one, new Error('the answer says nothing of this partition'))
    }
  }
}
