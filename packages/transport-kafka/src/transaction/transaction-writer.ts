import { type RecordPosition, reasonOf } from '@busbar/core'
import { isFinal, kafkaError } from '../kafka-error.js'
import { meaningOf } from '../producer/error-codes.js'
import {
  type ProduceAnswer,
  type ProducePartition,
  produce,
  produceApiKey,
  produceVersions,
} from '../producer/produce-protocol.js'
import { backoffMs } from '../producer/producer-options.js'
import { nameOf } from '../producer/publish-errors.js'
import { type BatchProducer, encodeCompressedBatch, encodeRecordBatch } from '../record-batch.js'
import { type Attempt, pause, tooLate } from './coordinators.js'
import { aborted, failureOf, type TransactionFailure, verdictOf } from './transaction-failure.js'
import type { TransactionalIdentity } from './transaction-protocol.js'
import {
  checkBatch,
  enterPositions,
  refusedRecords,
  type TransactionBatch,
  type TransactionPartition,
} from './transaction-records.js'
import type { TransactionSequences } from './transaction-sequences.js'
import type { Transactions } from './transactions.js'

/** A partition's next batch, as it is sent until it is stored: its bytes and its sequence stay the same. */
interface Encoded {
  readonly part: TransactionPartition
  readonly batch: TransactionBatch
  readonly bytes: Buffer
}

/** Stores the records of one transaction: every partition one batch at a time, all leaders side by side. */
export class TransactionWriter {
  readonly #transactions: Transactions
  readonly #identity: TransactionalIdentity
  readonly #sequences: TransactionSequences
  readonly #lane: string

  constructor(
    transactions: Transactions,
    identity: TransactionalIdentity,
    sequences: TransactionSequences,
    lane: string,
  ) {
    this.#transactions = transactions
    this.#identity = identity
    this.#sequences = sequences
    this.#lane = lane
  }

  /** Resolves with the positions of all records. @throws TransactionFailure where one was not stored. */
  async write(parts: readonly TransactionPartition[], attempt: Attempt): Promise<RecordPosition[]> {
    const positions: RecordPosition[] = []
    let open: Encoded[] = await Promise.all(parts.flatMap(part => this.#next(part) ?? []))
    for (let failures = 0; open.length > 0; ) {
      const stored = await this.#round(open, positions, attempt)
      const waiting = open.filter(each => !stored.has(each))
      failures = waiting.length < open.length ? 0 : failures + 1
      if (waiting.length > 0) await this.#beforeNextTry(waiting, failures, attempt)
      const following = await Promise.all([...stored].flatMap(({ part }) => this.#next(part) ?? []))
      open = [...waiting, ...following]
    }
    return positions
  }

  /** Sends each batch once; resolves with those that are stored. */
  async #round(
    open: readonly Encoded[],
    positions: RecordPosition[],
    attempt: Attempt,
  ): Promise<Set<Encoded>> {
    const stored = new Set<Encoded>()
    const byLeader = new Map<number, Encoded[]>()
    for (const each of open) {
      const { leader } = each.part.queue
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), each])
    }
    await Promise.all(
      [...byLeader].map(async ([leader, batches]) => {
        const answers = await this.#send(leader, batches, attempt)
        for (const each of batches) {
          const { queue } = each.part
          const answer = answers.find(
            ({ topic, partition }) => topic === queue.topic && partition === queue.partition,
          )
          if (!answer || !this.#isStored(each, answer, attempt)) continue
          enterPositions(positions, queue, each.batch, answer.baseOffset)
          this.#sequences.advance(queue, each.batch.records.length)
          stored.add(each)
        }
      }),
    )
    return stored
  }

  /** No answers where none came. */
  async #send(
    leader: number,
    batches: readonly Encoded[],
    { until }: Attempt,
  ): Promise<readonly ProduceAnswer[]> {
    const { nodes, lanes, settings } = this.#transactions
    const address = nodes.get(leader)
    if (!address) return []
    const timeoutMs = Math.min(settings.requestTimeoutMs, Math.max(1, Math.ceil(until - settings.clock())))
    const request: ProducePartition[] = batches.map(({ part: { queue }, bytes }) => {
      return { topic: queue.topic, partition: queue.partition, batch: bytes }
    })
    try {
      const { partitions } = await lanes.request({
        address,
        lane: `records ${this.#lane}`,
        timeoutMs,
        protocol: ({ versions }) => {
          const { min, max } = produceVersions
          const version = Math.min(max, versions?.[produceApiKey]?.maxVersion ?? min)
          return produce(version, request, timeoutMs, this.#identity.transactionalId)
        },
      })
      return partitions
    } catch (error) {
      for (const { part } of batches) part.queue.lastError = error
      return []
    }
  }

  /** Whether it is stored; if not, it is tried again. @throws TransactionFailure where that is of no use. */
  #isStored({ part: { queue }, batch }: Encoded, answer: ProduceAnswer, attempt: Attempt): boolean {
    if (answer.errorCode === 0) return true
    const { name, kind } = meaningOf(answer.errorCode)
    // The broker knows it already: an answer was lost.
    if (kind === 'duplicate') return true
    const failure = failureOf(answer.errorCode, `Writing to ${nameOf(queue)} in a transaction`)
    const isFenced = verdictOf(answer.errorCode).kind === 'fenced'
    // Which of several it was the broker does not say.
    const only = batch.slots.length === 1 && !failure.error.retryable ? batch.slots[0] : undefined
    if (only !== undefined && !isFenced) throw refusedRecords([{ index: only, error: failure.error }])
    if (kind !== 'retry' || isFenced) throw failure
    queue.lastError = new Error(name)
    const isLate = this.#transactions.settings.clock() >= attempt.until
    if (isLate) throw tooLate(failure)
    return false
  }

  async #beforeNextTry(waiting: readonly Encoded[], failures: number, attempt: Attempt): Promise<void> {
    const { settings, directory } = this.#transactions
    const failure = this.#failureOf(waiting[0] as Encoded)
    if (isFinal(failure.error) || attempt.signal.aborted) throw failure
    if (settings.clock() >= attempt.until) throw tooLate(failure)
    await pause(settings.runtime, backoffMs(settings, Math.max(1, failures)), attempt.signal)
    const topics = new Set(waiting.map(({ part }) => part.queue.topic))
    await Promise.all([...topics].map(topic => directory.refresh(directory.get(topic))))
  }

  #failureOf({ part: { queue } }: Encoded): TransactionFailure {
    const doing = `Writing to ${nameOf(queue)} in a transaction`
    const cause = kafkaError(queue.lastError ?? new Error('no broker leads it'), {
      doing,
      fallback: 'TRANSACTION_FAILED',
    })
    const code = isFinal(cause) ? cause.code : 'TRANSACTION_FAILED'
    return aborted(`${doing}: ${reasonOf(cause)}`, { code, cause })
  }

  /** Takes the next batch of a partition, if there is one. */
  #next(part: TransactionPartition): Promise<Encoded> | undefined {
    const batch = part.batches.shift()
    return batch && this.#encode(part, batch)
  }

  async #encode(part: TransactionPartition, batch: TransactionBatch): Promise<Encoded> {
    const { codec, directory } = this.#transactions
    const { producerId, epoch } = this.#identity
    const producer: BatchProducer = {
      producerId,
      epoch,
      baseSequence: this.#sequences.of(part.queue),
      transactional: true,
    }
    const bytes = codec
      ? await encodeCompressedBatch(batch.records, batch.sizes, producer, codec)
      : encodeRecordBatch(batch.records, batch.sizes, producer)
    if (codec) checkBatch(directory.get(part.queue.topic), batch, bytes)
    return { part, batch, bytes }
  }
}
