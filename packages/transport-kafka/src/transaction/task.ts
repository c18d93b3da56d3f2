import type { BusbarError, PendingCommit, TopicPartition, TransportEvent } from '@busbar/core'
import { partitionsAtStartIn } from '../commit-positions.js'
import { CommitScheduler } from '../commit-scheduler.js'
import type { Generation } from '../coordinator-gate.js'
import type { HeldPartition } from '../held-partition.js'
import { isFinal } from '../kafka-error.js'
import { partitionKey } from '../log-offsets.js'
import { type CommittedPosition, type StartPosition, startPositions } from '../start-positions.js'
import { type Attempt, pause } from './coordinators.js'
import { TaskFailures } from './task-failures.js'
import type { TaskPositionsOptions } from './task-positions.js'
import { TaskProducer } from './task-producer.js'
import { aborted, asFailure, type TransactionFailure } from './transaction-failure.js'

export interface TaskOptions extends TaskPositionsOptions {
  /** Whether commits have to wait. */
  readonly isSuspended: () => boolean
}

/** By `partitionKey`, where reading is to begin although that was not committed. */
type Sought = ReadonlyMap<string, number>

/**
 * The partitions of one number that a member holds: their positions are committed with the effects of what was finished,
 * each time in one transaction.
 */
export class Task {
  readonly partitions: readonly TopicPartition[]
  readonly #options: TaskOptions
  readonly #producer: TaskProducer
  readonly #commits: CommitScheduler
  readonly #failures = new TaskFailures()
  readonly #over = new AbortController()
  #isBegun = false
  #closing: BusbarError | undefined

  constructor(options: TaskOptions, partitions: readonly TopicPartition[]) {
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
    if (this.#options.isSuspended() && !this.#closing) return false
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
    const records = pending.flatMap(part => part.records)
    const attempt = this.#options.shared.attempt(this.#over.signal)
    const stored = await this.#producer.store(generation, records, positions, attempt)
    let next = 0
    for (const part of pending) {
      part.committed(stored.slice(next, next + part.records.length))
      next += part.records.length
    }
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
    const { generation, isSuspended, spec, shared, onEvent } = this.#options
    const now = generation()
    if (!now || isSuspended()) throw aborted(`The member is just joining group ${spec.group}`)
    const attempt = shared.attempt(this.#over.signal)
    await this.#producer.recover(now, failure, attempt)
    return this.#starts(now, sought, attempt, onEvent)
  }

  /** Where the partitions begin, once no transaction is open for them; stored where the group had nothing yet. */
  async #starts(
    generation: Generation,
    sought: Sought,
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
      const positions = anew.map(each => ({ ...each, position: each.start }))
      await this.#producer.store(generation, [], positions, attempt)
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

  #held(): HeldPartition[] {
    return this.partitions.flatMap(partition => this.#options.held.get(partition) ?? [])
  }
}

function soughtIn(held: readonly HeldPartition[]): Sought {
  return new Map(
    held.flatMap(each => {
      const start = each.uncommittedStart
      return start === undefined ? [] : [[partitionKey(each.topic, each.partition), start]]
    }),
  )
}
