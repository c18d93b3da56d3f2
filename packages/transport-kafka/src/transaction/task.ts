import {
  BusbarError,
  type PendingCommit,
  type RecordPosition,
  type TopicPartition,
  type TransportEvent,
} from '@busbar/core'
import { partitionsAtStartIn, positionMetadata } from '../commit-positions.js'
import { CommitScheduler } from '../commit-scheduler.js'
import type { Generation } from '../coordinator-gate.js'
import type { HeldPartition } from '../held-partition.js'
import { isFinal } from '../kafka-error.js'
import { partitionKey } from '../log-offsets.js'
import { type CommittedPosition, type StartPosition, startPositions } from '../start-positions.js'
import { type Attempt, pause } from './coordinators.js'
import type { GroupOffset } from './group-offsets-protocol.js'
import type { TaskPositionsOptions } from './task-positions.js'
import { asFailure, aborted, TransactionFailure } from './transaction-failure.js'
import type { TransactionalProducer } from './transactional-producer.js'

export interface TaskOptions extends TaskPositionsOptions {
  /** Whether commits have to wait. */
  readonly isSuspended: () => boolean
}

/** Between two tries to begin anew after a commit that failed, in milliseconds; doubles from the second on. */
const firstBackoffMs = 50
const maxBackoffMs = 10_000

/**
 * The partitions of one number that a member holds, and the producer that commits their positions with the effects of
 * what was finished, each time in one transaction.
 *
 * Its transactional id is that of the first of its partitions. Those of the others are claimed too: members that see
 * other topics, as while a deploy is rolling, may have committed under them.
 */
export class Task {
  readonly partitions: readonly TopicPartition[]
  readonly #options: TaskOptions
  readonly #producers: readonly TransactionalProducer[]
  readonly #commits: CommitScheduler
  readonly #over = new AbortController()
  #isBegun = false
  #closing: BusbarError | undefined
  /** Commits so far: tells one from another. */
  #count = 0
  /** Commits in a row that failed. */
  #failures = 0

  constructor(options: TaskOptions, number: number, partitions: readonly TopicPartition[]) {
    const { runtime, logger, commitIntervalMs, shared, spec } = options
    this.#options = options
    this.partitions = [...partitions].sort((a, b) => (a.topic < b.topic ? -1 : 1))
    // A slash is in no topic's name, so that no two groups and topics make up the same id.
    this.#producers = this.partitions.map(({ topic, partition }) =>
      shared.producer(`${spec.group}/${topic}/${partition}`, number),
    )
    const commit = (): Promise<boolean> => this.#commit()
    this.#commits = new CommitScheduler({ runtime, logger, intervalMs: commitIntervalMs, commit })
  }

  /**
   * Fences whoever held these partitions before, and only then reads where they stopped: what they have left open is
   * aborted, and what was being committed is done (KIP-447 explains why the order matters).
   */
  async begin(
    generation: Generation,
    report: (event: TransportEvent) => void,
  ): Promise<readonly StartPosition[]> {
    const attempt = this.#options.shared.attempt(this.#over.signal, this.#options.beginWithinMs)
    await Promise.all(this.#producers.map(producer => producer.claim(attempt)))
    const starts = await this.#starts(generation, new Map(), attempt, report)
    this.#isBegun = true
    return starts
  }

  request(idle: boolean): void {
    this.#commits.request(idle)
  }

  flush(): Promise<void> {
    return this.#commits.flush()
  }

  /** The partitions are not held any more: nothing is begun or committed from now on. */
  end(): void {
    this.#over.abort()
    this.#commits.stop()
  }

  async close(reason: BusbarError): Promise<void> {
    this.#closing = reason
    this.#commits.stop()
    await this.#commits.flush()
    this.#over.abort()
  }

  async #commit(): Promise<boolean> {
    const generation = this.#options.generation()
    const isClosing = this.#closing !== undefined
    if (!generation || !this.#isBegun || this.#over.signal.aborted) return false
    if (this.#options.isSuspended() && !isClosing) return false
    const held = this.#held()
    const pending = held.flatMap(partition => partition.pending ?? [])
    // What is finished from now on would not be committed any more.
    if (this.#closing) for (const partition of held) partition.revoke(this.#closing)
    if (pending.length === 0) return false
    try {
      const positions = await this.#store(generation, pending, held)
      let next = 0
      for (const part of pending) {
        part.committed(positions.slice(next, next + part.records.length))
        next += part.records.length
      }
    } catch (error) {
      void this.#beginAnew(asFailure(error, `Committing in group ${generation.group}`))
      return false
    }
    this.#failures = 0
    this.#options.onProgress()
    return true
  }

  /** One transaction. Resolves once it is certain that it is committed. */
  async #store(
    generation: Generation,
    pending: readonly PendingCommit[],
    held: readonly HeldPartition[],
  ): Promise<readonly RecordPosition[]> {
    const counts = new Map(held.map(each => [partitionKey(each.topic, each.partition), each.partitionsAtStart]))
    const offsets = this.#offsets(
      pending.map(({ topic, partition, position }) => ({
        topic,
        partition,
        position,
        partitionsAtStart: counts.get(partitionKey(topic, partition)) ?? 0,
      })),
    )
    const records = pending.flatMap(part => part.records)
    const attempt = this.#options.shared.attempt(this.#over.signal)
    const producer = this.#writer
    const positions = await producer.write({ records, member: generation, offsets }, attempt)
    try {
      await producer.commit(attempt)
    } catch (error) {
      if (!(error instanceof TransactionFailure) || error.kind !== 'unknown') throw error
      await this.#settle(offsets, error)
    }
    return positions
  }

  /**
   * No answer said whether the transaction is committed. Starting over ends it, one way or the other, and the mark beside
   * the positions tells which. Rejects where it was not committed.
   */
  async #settle(offsets: readonly GroupOffset[], failure: TransactionFailure): Promise<void> {
    const { shared, spec, logger } = this.#options
    const attempt = shared.attempt(this.#over.signal)
    await this.#writer.renew(attempt)
    const found = await shared.committed(spec.group, offsets, attempt)
    const isThere = ({ topic, partition, metadata }: GroupOffset): boolean =>
      found.some(each => each.topic === topic && each.partition === partition && each.metadata === metadata)
    const isCommitted = offsets.every(isThere)
    const { transactionalId } = this.#writer
    logger.info(
      { transactionalId, isCommitted, reason: failure.message },
      'the end of a transaction was not answered; the committed positions say what came of it',
    )
    if (!isCommitted) throw new TransactionFailure('aborted', failure.error)
  }

  /** Ends the ownership after a commit that failed, and begins it anew while this member has the partitions. */
  async #beginAnew(failure: TransactionFailure): Promise<void> {
    const { held, logger, onHeld, shared } = this.#options
    this.#isBegun = false
    this.#failures += 1
    const sought = new Map(
      this.#held().flatMap(each => {
        const start = each.uncommittedStart
        return start === undefined ? [] : [[partitionKey(each.topic, each.partition), start]]
      }),
    )
    held.revoke(this.#held(), failure.error)
    let cause = failure
    for (let failures = this.#failures; ; failures++) {
      if (this.#over.signal.aborted || this.#closing) return
      if (isFinal(cause.error)) return this.#options.onFailed(cause.error)
      logger[failures > 2 || !cause.error.retryable ? 'warn' : 'info'](
        { transactionalId: this.#writer.transactionalId, code: cause.error.code, reason: cause.message, failures },
        'a transaction was not committed; its partitions begin anew at the committed positions',
      )
      if (failures > 1)
        await pause(shared.settings.runtime, backoffOf(failures), this.#over.signal)
      try {
        const starts = await this.#recover(cause, sought)
        if (this.#over.signal.aborted || this.#closing) return
        for (const start of starts) held.hold(start)
        this.#isBegun = true
        onHeld()
        this.request(true)
        return
      } catch (error) {
        cause = asFailure(error, `Beginning anew with ${this.#writer.transactionalId}`)
      }
    }
  }

  async #recover(
    failure: TransactionFailure,
    sought: ReadonlyMap<string, number>,
  ): Promise<readonly StartPosition[]> {
    const generation = this.#options.generation()
    if (!generation || this.#options.isSuspended())
      throw aborted(`The member is just joining group ${this.#options.spec.group}`)
    const attempt = this.#options.shared.attempt(this.#over.signal)
    const renewed = failure.kind === 'fenced' ? undefined : await this.#renew(attempt)
    if (renewed?.kind === 'fenced' || failure.kind === 'fenced') {
      // Somebody claimed the id later, or the coordinator gave the transaction up. Only who still is a member may claim.
      await stillMember(generation)
      await this.#writer.claim(attempt)
    }
    return this.#starts(generation, sought, attempt, this.#options.onEvent)
  }

  async #renew(attempt: Attempt): Promise<TransactionFailure | undefined> {
    try {
      await this.#writer.renew(attempt)
      return undefined
    } catch (error) {
      if (error instanceof TransactionFailure && error.kind === 'fenced') return error
      throw error
    }
  }

  /** Where the partitions begin, once no transaction is open for them; stored where the group had nothing yet. */
  async #starts(
    generation: Generation,
    sought: ReadonlyMap<string, number>,
    attempt: Attempt,
    report: (event: TransportEvent) => void,
  ): Promise<readonly StartPosition[]> {
    const { spec, runtime } = this.#options
    const read = (_: Generation, partitions: readonly TopicPartition[]) => this.#committed(partitions, attempt)
    const found = await startPositions(generation, this.partitions, spec.from, runtime, report, read)
    const starts = found.map(each => {
      const start = sought.get(partitionKey(each.topic, each.partition))
      return start === undefined ? each : { ...each, start, committed: undefined }
    })
    const anew = starts.filter(({ committed }) => committed === undefined)
    if (anew.length > 0) {
      const offsets = this.#offsets(anew.map(each => ({ ...each, position: each.start })))
      await this.#writer.write({ records: [], member: generation, offsets }, attempt)
      await this.#writer.commit(attempt)
    }
    return starts.map(each => ({ ...each, committed: each.start }))
  }

  async #committed(
    partitions: readonly TopicPartition[],
    attempt: Attempt,
  ): Promise<ReadonlyMap<string, CommittedPosition>> {
    const { shared, spec } = this.#options
    const offsets = await shared.committed(spec.group, partitions, attempt)
    return new Map(
      offsets.map(({ topic, partition, position, metadata }) => [
        partitionKey(topic, partition),
        { position, partitionsAtStart: partitionsAtStartIn(metadata) },
      ]),
    )
  }

  #offsets(
    positions: readonly (TopicPartition & { position: number; partitionsAtStart: number })[],
  ): GroupOffset[] {
    this.#count += 1
    const mark = `${this.#writer.epochName}.${this.#count}`
    return positions.map(({ topic, partition, position, partitionsAtStart }) => {
      return { topic, partition, position, metadata: positionMetadata(partitionsAtStart, mark) }
    })
  }

  get #writer(): TransactionalProducer {
    return this.#producers[0] as TransactionalProducer
  }

  #held(): HeldPartition[] {
    return this.partitions.flatMap(partition => this.#options.held.get(partition) ?? [])
  }
}

function backoffOf(failures: number): number {
  return Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(failures - 2, 20))
}

/** Rejects unless the coordinator knows this membership as the present one. */
async function stillMember({ coordinator, group, memberId, generationId }: Generation): Promise<void> {
  await coordinator.heartbeat({ groupId: group, groupGenerationId: generationId, memberId })
}
