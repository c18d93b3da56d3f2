import { BusbarError, reasonOf } from '@busbar/core'
import { isFinal } from '../kafka-error.js'
import type { BatchOutcomes, SentBatch } from './broker-sender.js'
import { type ErrorMeaning, kafkaCode, meaningOf } from './error-codes.js'
import type { PartitionQueue } from './partition-queue.js'
import type { ProduceAnswer } from './produce-protocol.js'
import type { PublishBatch } from './publish-batch.js'
import { nameOf, publishError, refusal, unknownOutcome } from './publish-errors.js'
import type { SendBuffer } from './send-buffer.js'
import type { Topic } from './topic.js'

export interface BatchSettlerOptions {
  readonly buffer: SendBuffer
  readonly topicOf: (queue: PartitionQueue) => Topic
  readonly maxBatchBytes: number
  readonly missingTopicGraceMs: number
  readonly clock: () => number
  /** Sends what the queue has, at once. */
  readonly proceed: (queue: PartitionQueue) => void
  /** Tries the queue again after a while, after asking for the metadata where `refresh` is set. */
  readonly retry: (queue: PartitionQueue, refresh: boolean) => void
  /** The topic's size limit is not what we knew. */
  readonly onLimitWrong: (topic: Topic) => void
}

/** Decides what an answer, or none, means for a batch: stored, again, in parts, refused, or unknown. */
export class BatchSettler implements BatchOutcomes {
  readonly #options: BatchSettlerOptions

  constructor(options: BatchSettlerOptions) {
    this.#options = options
  }

  batchLimit(queue: PartitionQueue): number {
    return Math.min(this.#options.maxBatchBytes, this.#options.topicOf(queue).maxMessageBytes)
  }

  answered(sent: SentBatch, answer: ProduceAnswer): void {
    const { queue, batch } = sent
    batch.inFlight = false
    if (answer.errorCode === kafkaCode.none) {
      this.#stored(sent, answer.baseOffset)
      return
    }
    const meaning = meaningOf(answer.errorCode)
    const text = answer.errorMessage ? `${meaning.name}: ${answer.errorMessage}` : meaning.name
    queue.lastError = new Error(text)
    if (meaning.maybeStored) batch.maybeStored = true
    if (meaning.kind === 'duplicate') this.#stored(sent, -1)
    else if (meaning.kind === 'retry') this.#retry(sent, meaning)
    else if (batch.maybeStored) this.#unknown(sent)
    else if (meaning.kind === 'sequence') this.#resequence(sent, answer.errorCode)
    else if (meaning.kind === 'split') this.#split(sent, meaning, answer.badRecords, text)
    else this.#refuse(sent, refusal(queue, meaning, text))
  }

  lost(sent: SentBatch, error: unknown): void {
    const { queue, batch } = sent
    queue.lastError = error
    batch.inFlight = false
    if (batch.written) batch.maybeStored = true
    if (isFinal(error)) {
      this.#refuse(sent, publishError(error, `A record of ${nameOf(queue)} was not sent: ${reasonOf(error)}`))
    } else if (batch.live === 0) {
      this.discard(queue, batch)
      this.#options.proceed(queue)
    } else {
      if (batch.stale) queue.batches[0] = batch.pick(() => true)
      this.#options.retry(queue, true)
    }
  }

  unencodable(sent: SentBatch, cause: unknown): void {
    sent.batch.inFlight = false
    const message = `A batch of ${nameOf(sent.queue)} could not be encoded: ${reasonOf(cause)}. Was a buffer changed after send?`
    this.#refuse(sent, new BusbarError('PUBLISH_FAILED', message, { cause, retryable: false }))
  }

  oversized(sent: SentBatch): void {
    sent.batch.inFlight = false
    this.#split(sent, meaningOf(kafkaCode.messageTooLarge), [], 'larger than the limit although compressed')
  }

  #stored({ queue, batch }: SentBatch, baseOffset: number): void {
    queue.batches.shift()
    queue.identity?.advance(batch.records.length)
    queue.failures = 0
    this.#options.buffer.release(batch.stored(queue.topic, queue.partition, baseOffset))
    this.#options.proceed(queue)
  }

  #retry(sent: SentBatch, meaning: ErrorMeaning): void {
    const { queue, batch } = sent
    const { topicOf, clock, missingTopicGraceMs, retry } = this.#options
    if (batch.live === 0) {
      this.discard(queue, batch)
      this.#options.proceed(queue)
      return
    }
    const { missingSince } = topicOf(queue)
    const isMissing = meaning.code === 'TOPIC_MISSING' && missingSince !== undefined
    if (isMissing && !batch.maybeStored && clock() - missingSince >= missingTopicGraceMs) {
      this.#refuse(sent, refusal(queue, meaning, meaning.name))
    } else {
      retry(queue, meaning.refresh === true)
    }
  }

  /** Nothing of this batch was ever stored: it may go under a new identity. */
  #resequence({ queue, batch }: SentBatch, errorCode: number): void {
    batch.reset()
    if (errorCode === kafkaCode.invalidProducerEpoch || errorCode === kafkaCode.unknownProducerId) {
      queue.identity = undefined
      queue.needsOwnId = true
    } else {
      restartIdentity(queue)
    }
    this.#options.retry(queue, false)
  }

  #split(sent: SentBatch, meaning: ErrorMeaning, badRecords: readonly number[], text: string): void {
    const { queue, batch } = sent
    const { buffer, topicOf, onLimitWrong, proceed } = this.#options
    if (meaning.code === 'RECORD_TOO_LARGE') onLimitWrong(topicOf(queue))
    if (batch.records.length === 1) {
      this.#refuse(sent, refusal(queue, meaning, text))
      return
    }
    const bad = new Set(badRecords)
    this.discard(queue, batch)
    if (bad.size > 0) {
      buffer.release(batch.failed(refusal(queue, meaning, text), index => bad.has(index)))
      queue.batches.unshift(batch.pick(index => !bad.has(index)))
    } else {
      const middle = batch.records.length >> 1
      queue.batches.unshift(
        batch.pick(index => index < middle),
        batch.pick(index => index >= middle),
      )
    }
    dropEmpty(queue)
    proceed(queue)
  }

  #refuse({ queue, batch }: SentBatch, error: BusbarError): void {
    const told = batch.maybeStored ? unknownOutcome(queue, queue.lastError) : error
    this.discard(queue, batch)
    this.#options.buffer.release(batch.failed(told, () => true))
    this.#options.proceed(queue)
  }

  #unknown({ queue, batch }: SentBatch): void {
    this.discard(queue, batch)
    this.#options.buffer.release(batch.failed(unknownOutcome(queue, queue.lastError), () => true))
    this.#options.proceed(queue)
  }

  /** Takes a batch that was not acknowledged off the queue. What the broker may remember of it must not be met again. */
  discard(queue: PartitionQueue, batch: PublishBatch): void {
    const at = queue.batches.indexOf(batch)
    if (at >= 0) queue.batches.splice(at, 1)
    if (batch.written) restartIdentity(queue)
  }
}

function restartIdentity(queue: PartitionQueue): void {
  if (queue.identity?.restart() === false) {
    queue.identity = undefined
    queue.needsOwnId = true
  }
}

function dropEmpty(queue: PartitionQueue): void {
  while (queue.batches[0]?.live === 0) queue.batches.shift()
}
