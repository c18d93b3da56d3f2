import { BusbarError, type OutboundRecord, type RecordPosition } from '@busbar/core'
import type { Broker, Protocol } from '../kafkajs-internals.js'
import type { Attempt, CoordinatorRequest } from './coordinators.js'
import { type GroupOffset, type Membership, txnOffsetCommit } from './group-offsets-protocol.js'
import { checkVersions } from './needed-versions.js'
import { asFailure, TransactionFailure } from './transaction-failure.js'
import {
  type Answer,
  addOffsetsToTxn,
  addPartitionsToTxn,
  endTxn,
  initProducerId,
  type TransactionalIdentity,
} from './transaction-protocol.js'
import { partRecords, refusedRecords, type TransactionPartition } from './transaction-records.js'
import { TransactionSequences } from './transaction-sequences.js'
import { TransactionWriter } from './transaction-writer.js'
import type { Transactions } from './transactions.js'

/** What one transaction stores: all of it or nothing. */
export interface Transaction {
  readonly records: readonly OutboundRecord[]
  readonly member: Membership
  readonly offsets: readonly GroupOffset[]
}

/**
 * Writes transactions under one transactional id, one after the other. `claim` comes first; after a commit that failed,
 * `renew` or `claim`.
 */
export class TransactionalProducer {
  readonly transactionalId: string
  readonly #transactions: Transactions
  readonly #lane: string
  readonly #sequences = new TransactionSequences()
  #identity: TransactionalIdentity | undefined
  #begunAt = 0

  constructor(transactions: Transactions, transactionalId: string, lane: string) {
    this.#transactions = transactions
    this.transactionalId = transactionalId
    this.#lane = lane
  }

  /** Names the epoch, for marks that are told apart from those of any other producer of this id. */
  get epochName(): string {
    return this.#identity ? `${this.#identity.producerId}.${this.#identity.epoch}` : ''
  }

  /** Takes the id: aborts what any other producer has left open under it, and fences that. @throws TransactionFailure */
  claim(attempt: Attempt): Promise<void> {
    return this.#initialize(attempt, undefined)
  }

  /**
   * Aborts what this producer has left open, or lets it be finished where the coordinator has decided so, and starts over.
   *
   * @throws TransactionFailure of the kind `fenced` where somebody else has claimed the id.
   */
  renew(attempt: Attempt): Promise<void> {
    return this.#initialize(attempt, this.#identity)
  }

  /**
   * Writes the records and the offsets of a transaction; resolves with the positions of the records. Nobody reads either
   * before `commit`.
   *
   * @throws TransactionFailure: nothing of it will be stored.
   */
  async write(transaction: Transaction, attempt: Attempt): Promise<RecordPosition[]> {
    const identity = this.#claimed()
    this.#begunAt = this.#transactions.settings.clock()
    // The first step that fails ends the other, which would only write into an epoch that is spent.
    const failed = new AbortController()
    const steps = { until: attempt.until, signal: AbortSignal.any([attempt.signal, failed.signal]) }
    const fail = (error: unknown): never => {
      failed.abort()
      throw error
    }
    const [records, offsets] = await Promise.allSettled([
      this.#write(identity, transaction.records, steps).catch(fail),
      this.#addOffsets(identity, transaction, steps).catch(fail),
    ])
    const reasons = [offsets, records].flatMap(step =>
      step.status === 'rejected' ? [step.reason as unknown] : [],
    )
    if (records.status === 'rejected' || reasons.length > 0)
      throw this.#inTime(asFailure(mostTellingOf(reasons), this.#doing('Writing')))
    return records.value
  }

  /** Commits what was written. @throws TransactionFailure whose kind says whether it is certain that nothing is stored. */
  async commit(attempt: Attempt): Promise<void> {
    const identity = this.#claimed()
    try {
      await this.#ask(attempt, 'Committing', () => endTxn(identity, true), true)
    } catch (error) {
      throw this.#inTime(asFailure(error, this.#doing('Committing')))
    }
  }

  async #initialize(attempt: Attempt, current: TransactionalIdentity | undefined): Promise<void> {
    const { transactionTimeoutMs } = this.#transactions
    const { producerId, epoch } = await this.#ask(attempt, 'Beginning with', broker => {
      checkVersions(broker)
      return initProducerId(this.transactionalId, transactionTimeoutMs, current)
    })
    this.#sequences.clear()
    this.#identity = { transactionalId: this.transactionalId, producerId, epoch }
  }

  async #write(
    identity: TransactionalIdentity,
    records: readonly OutboundRecord[],
    attempt: Attempt,
  ): Promise<RecordPosition[]> {
    if (records.length === 0) return []
    const { directory, settings, codec } = this.#transactions
    await this.#loadTopics(records, attempt)
    const parts = partRecords(
      records,
      name => directory.get(name),
      settings.maxBatchBytes,
      codec !== undefined,
    )
    await this.#addPartitions(identity, parts, attempt)
    const writer = new TransactionWriter(this.#transactions, identity, this.#sequences, this.#lane)
    return writer.write(parts, attempt)
  }

  async #loadTopics(records: readonly OutboundRecord[], attempt: Attempt): Promise<void> {
    const topics = new Set(records.map(({ topic }) => topic))
    const loading = [...topics].map(async topic => {
      try {
        await this.#transactions.loadTopic(topic, attempt)
      } catch (thrown) {
        const { error } = asFailure(thrown, this.#doing('Beginning'))
        const failures = records.flatMap((record, index) =>
          record.topic === topic ? [{ index, error }] : [],
        )
        throw refusedRecords(failures)
      }
    })
    await Promise.all(loading)
  }

  async #addPartitions(
    identity: TransactionalIdentity,
    parts: readonly TransactionPartition[],
    attempt: Attempt,
  ): Promise<void> {
    const partitions = parts.map(({ queue: { topic, partition } }) => ({ topic, partition }))
    await this.#ask(attempt, 'Beginning', () => addPartitionsToTxn(identity, partitions))
  }

  async #addOffsets(
    identity: TransactionalIdentity,
    { member, offsets }: Transaction,
    attempt: Attempt,
  ): Promise<void> {
    await this.#ask(attempt, 'Beginning', () => addOffsetsToTxn(identity, member.group))
    await this.#transactions.coordinators.ask({
      ...attempt,
      of: 'group',
      key: member.group,
      lane: this.#lane,
      doing: this.#doing('Writing the positions of'),
      protocol: () => txnOffsetCommit(identity, member, offsets),
    })
  }

  #ask<T extends Answer>(
    attempt: Attempt,
    doing: string,
    protocol: (broker: Broker) => Protocol<T>,
    once = false,
  ): Promise<T> {
    const request: CoordinatorRequest<T> = {
      ...attempt,
      of: 'transaction',
      key: this.transactionalId,
      lane: this.#lane,
      doing: this.#doing(doing),
      protocol,
      once,
    }
    return this.#transactions.coordinators.ask(request)
  }

  /** A coordinator that gives a transaction up fences its producer: then its time is the reason, and nobody else. */
  #inTime(failure: TransactionFailure): TransactionFailure {
    const { settings, transactionTimeoutMs } = this.#transactions
    const tookMs = Math.round(settings.clock() - this.#begunAt)
    if (failure.kind !== 'fenced' || tookMs < transactionTimeoutMs) return failure
    const message = `A transaction of ${this.transactionalId} took ${tookMs} ms, and the broker aborts it after ${transactionTimeoutMs} (\`transactionTimeoutMs\`): ${failure.message}`
    return new TransactionFailure(
      'fenced',
      new BusbarError('TRANSACTION_FAILED', message, { cause: failure }),
    )
  }

  #doing(what: string): string {
    return `${what} a transaction of ${this.transactionalId}`
  }

  #claimed(): TransactionalIdentity {
    if (this.#identity) return this.#identity
    throw new BusbarError('INTERNAL', `The transactional id ${this.transactionalId} was not claimed`)
  }
}

/** Of the reasons of steps that ended one another: being fenced says most, and an abort least. */
function mostTellingOf(reasons: readonly unknown[]): unknown {
  const fenced = reasons.find(reason => reason instanceof TransactionFailure && reason.kind === 'fenced')
  const final = reasons.find(reason => reason instanceof TransactionFailure && !reason.error.retryable)
  return fenced ?? final ?? reasons[0]
}
