import {
  type BusbarError,
  orderedEffects,
  type PendingCommit,
  type TopicPartition,
  type TransportEvent,
} from '@busbar/core'
import { CommitScheduler } from '../commit-scheduler.js'
import type { Generation } from '../coordinator-gate.js'
import type { HeldPartition } from '../held-partition.js'
import { hasKafkaErrorType, isFinal } from '../kafka-error.js'
import { partitionKey } from '../log-offsets.js'
import type { StartPosition } from '../start-positions.js'
import { pause } from './coordinators.js'
import { TaskFailures } from './task-failures.js'
import type { TaskPositionsOptions } from './task-positions.js'
import { stillMember, TaskProducer } from './task-producer.js'
import { type Sought, soughtIn, type TaskBeginning, taskStarts } from './task-starts.js'
import { aborted, asFailure, type TransactionFailure } from './transaction-failure.js'

const memberDelayMs = 50

/**
 * The partitions of one number that a member holds: their positions are committed with the effects of what was finished,
 * each time in one transaction.
 */
export class Task {
  readonly partitions: readonly TopicPartition[]
  readonly #options: TaskPositionsOptions
  readonly #producer: TaskProducer
  readonly #commits: CommitScheduler
  readonly #failures = new TaskFailures()
  readonly #over = new AbortController()
  #isBegun = false
  /** While the group forms anew: nothing is committed but, once, what was finished before. */
  #suspended: 'last commit' | 'waiting' | undefined
  #closing: BusbarError | undefined

  constructor(options: TaskPositionsOptions, partitions: readonly TopicPartition[]) {
    const { runtime, logger, commitIntervalMs, shared, spec } = options
    this.#options = options
    const sorted = [...partitions].sort((a, b) => (a.topic < b.topic ? -1 : 1))
    this.partitions = sorted
    this.#producer = new TaskProducer(
      spec.group,
      sorted as [TopicPartition, ...TopicPartition[]],
      shared,
      logger,
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
    await this.#producer.claim(attempt)
    const starts = await taskStarts({ ...this.#begin, generation, sought: new Map(), attempt, report })
    this.#isBegun = true
    return starts
  }

  request(idle: boolean): void {
    this.#commits.request(idle)
  }

  /** Commits what is finished, after what is being committed, and then nothing until {@link resume}. Never rejects. */
  async suspend(): Promise<void> {
    this.#suspended = 'last commit'
    await this.#commits.flush()
    this.#suspended = 'waiting'
  }

  resume(): void {
    this.#suspended = undefined
    this.request(true)
  }

  /** The partitions are not held any more: nothing is begun or committed from now on. */
  end(): void {
    this.#over.abort()
    this.#commits.stop()
  }

  /** Revokes them, once what is being committed is, and commits what was finished by then. Never rejects. */
  async close(reason: BusbarError): Promise<void> {
    this.#closing = reason
    this.#commits.stop()
    await this.#commits.flush()
    this.#over.abort()
  }

  async #commit(): Promise<boolean> {
    const generation = this.#options.generation()
    if (!generation || !this.#isBegun || this.#over.signal.aborted) return false
    if (this.#suspended === 'waiting' && !this.#closing) return false
    // One that began later would not be waited for, and meet a generation that is not its own.
    if (this.#suspended) this.#suspended = 'waiting'
    const held = this.#held()
    const pending = held.flatMap(partition => partition.pending ?? [])
    // What is finished from now on would not be committed any more.
    if (this.#closing) for (const partition of held) partition.revoke(this.#closing)
    if (pending.length === 0) return false
    try {
      await this.#store(generation, pending, held)
    } catch (error) {
      const failure = asFailure(error, `Committing in group ${generation.group}`)
      this.#failures.refuse(pending, failure.error)
      void this.#beginAnew(failure)
      return false
    }
    this.#failures.committed(pending)
    this.#options.onProgress()
    return true
  }

  async #store(
    generation: Generation,
    pending: readonly PendingCommit[],
    held: readonly HeldPartition[],
  ): Promise<void> {
    const counts = new Map(
      held.map(each => [partitionKey(each.topic, each.partition), each.partitionsAtStart]),
    )
    const positions = pending.map(({ topic, partition, position }) => {
      return {
        topic,
        partition,
        position,
        partitionsAtStart: counts.get(partitionKey(topic, partition)) ?? 0,
      }
    })
    const ordered = orderedEffects(pending)
    const attempt = this.#options.shared.attempt(this.#over.signal)
    const stored = await this.#producer.store(generation, ordered.records, positions, attempt)
    for (const part of pending) part.committed(ordered.shareOf(part, stored))
  }

  /** Ends the ownership after a commit that failed, and begins it anew while this member has the partitions. */
  async #beginAnew(failure: TransactionFailure): Promise<void> {
    const { held, onHeld, runtime, onFailed } = this.#options
    this.#isBegun = false
    const sought = soughtIn(this.#held())
    held.revoke(this.#held(), failure.error)
    for (let cause = failure; ; ) {
      if (this.#isOver) return
      // Whoever brought the records that are the reason hears of it, and can bring others.
      if (isFinal(cause.error) && cause.error.failures.length === 0) return onFailed(cause.error)
      await pause(runtime, this.#report(cause), this.#over.signal)
      await this.#untilMember(cause)
      if (this.#isOver) return
      try {
        const starts = await this.#recover(cause, sought)
        if (this.#isOver) return
        for (const start of starts) held.hold({ ...start, refused: this.#failures.refusedIn(start) })
        this.#isBegun = true
        onHeld()
        this.request(true)
        return
      } catch (error) {
        cause = asFailure(error, `Beginning anew with ${this.#producer.transactionalId}`)
      }
    }
  }

  /**
   * While the member is joining, or does not know yet that it has to, there is nothing to begin. Who is assigned the
   * partitions begins with them as a new task, so that this may end without this one.
   */
  async #untilMember({ kind }: TransactionFailure): Promise<void> {
    const { generation, runtime } = this.#options
    while (!this.#isOver) {
      const now = generation()
      const isMember = now && !this.#suspended && (kind !== 'fenced' || (await isMemberIn(now)))
      if (isMember) return
      await pause(runtime, memberDelayMs, this.#over.signal)
    }
  }

  get #isOver(): boolean {
    return this.#over.signal.aborted || this.#closing !== undefined
  }

  /** Returns how long to wait until the next try, in milliseconds. */
  #report({ error }: TransactionFailure): number {
    const { onEvent, spec } = this.#options
    const { failure, delayMs } = this.#failures.failed()
    const { partitions } = this
    onEvent({ type: 'transaction-failed', group: spec.group, partitions, failure, delayMs, error })
    return delayMs
  }

  async #recover(failure: TransactionFailure, sought: Sought): Promise<readonly StartPosition[]> {
    const { generation, spec, shared, onEvent } = this.#options
    const now = generation()
    if (!now) throw aborted(`The member has lost its place in group ${spec.group}`)
    const attempt = shared.attempt(this.#over.signal)
    await this.#producer.recover(now, failure, attempt)
    return taskStarts({ ...this.#begin, generation: now, sought, attempt, report: onEvent })
  }

  get #begin(): Pick<TaskBeginning, 'spec' | 'runtime' | 'shared' | 'partitions' | 'producer'> {
    const { spec, runtime, shared } = this.#options
    return { spec, runtime, shared, partitions: this.partitions, producer: this.#producer }
  }

  #held(): HeldPartition[] {
    return this.partitions.flatMap(partition => this.#options.held.get(partition) ?? [])
  }
}

/** Whether the group is, for its coordinator, in the generation that this member knows. */
async function isMemberIn(generation: Generation): Promise<boolean> {
  try {
    await stillMember(generation)
    return true
  } catch (error) {
    if (hasKafkaErrorType(error, 'REBALANCE_IN_PROGRESS', 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION'))
      return false
    // It does not say: whoever claims asks again.
    return true
  }
}
