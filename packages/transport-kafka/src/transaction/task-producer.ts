import type { Logger, OutboundRecord, RecordPosition, TopicPartition } from '@busbar/core'
import { positionMetadata } from '../commit-positions.js'
import type { Generation } from '../coordinator-gate.js'
import type { Attempt } from './coordinators.js'
import type { GroupOffset } from './group-offsets-protocol.js'
import { TransactionFailure } from './transaction-failure.js'
import type { TransactionalProducer } from './transactional-producer.js'
import type { Transactions } from './transactions.js'

/** A position to commit in a transaction. */
export interface TaskPosition extends TopicPartition {
  readonly position: number
  readonly partitionsAtStart: number
}

/**
 * Commits for a task. Its transactional id is that of the first of the task's partitions. Those of the others are claimed
 * too: members that see other topics, as while a deploy is rolling, may have committed under them.
 */
export class TaskProducer {
  readonly transactionalId: string
  readonly #group: string
  readonly #transactions: Transactions
  readonly #logger: Logger
  readonly #writer: TransactionalProducer
  readonly #others: readonly TransactionalProducer[]
  /** Tells one commit from another. */
  #commits = 0

  constructor(
    group: string,
    partitions: readonly [TopicPartition, ...TopicPartition[]],
    transactions: Transactions,
    logger: Logger,
  ) {
    this.#group = group
    this.#transactions = transactions
    this.#logger = logger
    // A slash is in no topic's name, so that no two groups and topics make up the same id.
    const of = ({ topic, partition }: TopicPartition): TransactionalProducer =>
      transactions.producer(`${group}/${topic}/${partition}`, partition)
    const [first, ...others] = partitions
    this.#writer = of(first)
    this.#others = others.map(of)
    this.transactionalId = this.#writer.transactionalId
  }

  /** Fences whoever held the partitions before, and aborts what they have left open. @throws TransactionFailure */
  async claim(attempt: Attempt): Promise<void> {
    await Promise.all([this.#writer, ...this.#others].map(producer => producer.claim(attempt)))
  }

  /** Starts over after a transaction that failed. Rejects where this member is none any more. */
  async recover(generation: Generation, failure: TransactionFailure, attempt: Attempt): Promise<void> {
    if (failure.kind !== 'fenced' && (await this.#renewed(attempt))) return
    // Somebody claimed the id later, or the coordinator gave the transaction up. Only who still is a member may claim.
    await stillMember(generation)
    await this.#writer.claim(attempt)
  }

  /**
   * One transaction; resolves, with the positions of its records, once it is certain that it is committed.
   *
   * @throws TransactionFailure
   */
  async store(
    generation: Generation,
    records: readonly OutboundRecord[],
    positions: readonly TaskPosition[],
    attempt: Attempt,
  ): Promise<readonly RecordPosition[]> {
    this.#commits += 1
    const mark = `${this.#writer.epochName}.${this.#commits}`
    const offsets = positions.map(({ topic, partition, position, partitionsAtStart }) => {
      return { topic, partition, position, metadata: positionMetadata(partitionsAtStart, mark) }
    })
    const stored = await this.#writer.write({ records, member: generation, offsets }, attempt)
    try {
      await this.#writer.commit(attempt)
    } catch (error) {
      if (!(error instanceof TransactionFailure) || error.kind !== 'unknown') throw error
      await this.#settle(offsets, error, attempt)
    }
    return stored
  }

  /**
   * No answer said whether the transaction is committed. Starting over ends it, one way or the other, and the mark beside
   * the positions tells which. Rejects where it was not committed, or that can't be known.
   */
  async #settle(
    offsets: readonly GroupOffset[],
    failure: TransactionFailure,
    { signal }: Attempt,
  ): Promise<void> {
    const attempt = this.#transactions.attempt(signal)
    await this.#writer.renew(attempt)
    const found = await this.#transactions.committed(this.#group, offsets, attempt)
    const isThere = ({ topic, partition, metadata }: GroupOffset): boolean =>
      found.some(each => each.topic === topic && each.partition === partition && each.metadata === metadata)
    const isCommitted = offsets.every(isThere)
    this.#logger.info(
      { transactionalId: this.transactionalId, isCommitted, reason: failure.message },
      'the end of a transaction was not answered; the committed positions say what came of it',
    )
    if (!isCommitted) throw new TransactionFailure('aborted', failure.error)
  }

  /** Whether this producer is still the last that claimed its id. */
  async #renewed(attempt: Attempt): Promise<boolean> {
    try {
      await this.#writer.renew(attempt)
      return true
    } catch (error) {
      if (error instanceof TransactionFailure && error.kind === 'fenced') return false
      throw error
    }
  }
}

/** Rejects unless the coordinator knows this membership as the present one. */
export async function stillMember({ coordinator, group, memberId, generationId }: Generation): Promise<void> {
  await coordinator.heartbeat({ groupId: group, groupGenerationId: generationId, memberId })
}
