import {
  BusbarError,
  type ConnectOptions,
  type Deliver,
  type PendingCommit,
  type Runtime,
  type SubscribeSpec,
  type Timer,
  type TopicPartition,
  type TransportSubscription,
} from '@busbar/core'
import { ByteArena } from './byte-arena.js'
import type { ConsumerGroup, GroupParticipant } from './consumer-group.js'
import { FailedTasks } from './failed-tasks.js'
import { HeldPartition } from './held-partition.js'
import type { MemoryBroker } from './memory-broker.js'
import { labelOf } from './partition-label.js'
import type { PartitionLog } from './partition-log.js'
import { PrefixCommitter } from './prefix-committer.js'
import type { RecordSender } from './record-sender.js'
import { Settled } from './settled.js'
import { positionOf, transact } from './transact.js'

export interface GroupMemberOptions {
  readonly broker: MemoryBroker
  readonly connection: ConnectOptions
  readonly sender: RecordSender
  readonly spec: SubscribeSpec
  readonly deliver: Deliver
  readonly commitIntervalMs: number
  /** Called once when this member is gone. */
  readonly onEnd: (member: GroupMember) => void
}

/** One subscription: a member of a group, with the partitions that it holds. */
export class GroupMember implements GroupParticipant, TransportSubscription {
  readonly clientId: string
  readonly runtime: Runtime
  readonly from: 'earliest' | 'latest'
  readonly #options: GroupMemberOptions
  readonly #group: ConsumerGroup
  readonly #arena = new ByteArena()
  readonly #held = new Map<string, HeldPartition>()
  readonly #closed = new Settled()
  readonly #committer: PrefixCommitter
  readonly #failed: FailedTasks
  /** Partitions that begin anew in a while. */
  readonly #reopening = new Map<string, { readonly log: PartitionLog; readonly timer: Timer }>()
  #id: string
  #topics: readonly string[]
  #generation = 0
  #paused = false
  #ended = false
  /** What ends the membership of a frozen member. */
  #frozen: Timer | undefined

  constructor(options: GroupMemberOptions) {
    const { broker, connection, spec } = options
    this.#options = options
    this.#group = broker.group(spec.group)
    this.#topics = [...spec.topics]
    this.#id = broker.nextMemberId(connection.clientId)
    this.clientId = connection.clientId
    this.runtime = connection.runtime
    this.from = spec.from
    this.#committer = new PrefixCommitter({
      runtime: this.runtime,
      intervalMs: options.commitIntervalMs,
      byTask: spec.transactional ?? false,
      held: () => this.#held.values(),
      commit: pending => (spec.transactional ? this.#transact(pending) : this.#commit(pending)),
    })
    this.#failed = new FailedTasks(options.commitIntervalMs)
  }

  get id(): string {
    return this.#id
  }

  get topics(): readonly string[] {
    return this.#topics
  }

  get closed(): Promise<void> {
    return this.#closed.promise
  }

  join(): Promise<void> {
    return this.#group.join(this)
  }

  assign(generation: number, gained: readonly TopicPartition[]): void {
    if (this.#ended || this.#frozen) return
    this.#generation = generation
    for (const partition of gained) {
      const log = this.#options.broker.topic(partition.topic).log(partition.partition)
      this.#open(log, this.#group.committed(partition) ?? log.start)
    }
    this.#tell('assigned', gained)
  }

  revoke(lost: readonly TopicPartition[]): void {
    if (this.#ended || this.#frozen) return
    this.#committer.now()
    for (const partition of lost) {
      this.#close(partition, 'moved to another member')
      this.#failed.forget(partition)
    }
    this.#tell('revoked', lost)
  }

  async setTopics(topics: readonly string[]): Promise<void> {
    this.#refuseClosed()
    for (const topic of topics) this.#options.broker.topic(topic)
    this.#topics = [...topics]
    await this.#group.rejoin()
  }

  pause(): void {
    this.#paused = true
    for (const held of this.#held.values()) held.pause()
  }

  resume(): void {
    this.#paused = false
    for (const held of this.#held.values()) held.resume()
  }

  async seek(target: TopicPartition, to: 'earliest' | 'latest' | number): Promise<void> {
    this.#refuseClosed()
    const log = this.#logs.find(each => labelOf(each) === labelOf(target))
    if (!log)
      throw new BusbarError('CONFIG_INVALID', `cannot seek ${labelOf(target)}: this member does not hold it`)
    if (typeof to === 'number' && !Number.isSafeInteger(to)) {
      throw new BusbarError(
        'CONFIG_INVALID',
        `cannot seek ${labelOf(target)} to ${to}: a position is a whole number`,
      )
    }
    if (this.#options.spec.transactional) this.#committer.now()
    this.#close(target, 'continues at another position')
    const position = to === 'earliest' ? log.start : to === 'latest' ? log.end : to
    this.#open(log, position)
    this.#committer.later()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return
    const lost = this.#logs.map(placeOf)
    this.#committer.now()
    this.#end('the subscription was closed')
    this.#group.leave(this.id)
    this.#tell('revoked', lost)
    this.#closed.resolve()
  }

  /** Stops like a killed process: nothing is committed, and the group finds out after its session timeout. */
  crash(): void {
    if (this.#ended) return
    this.#end('the member crashed')
    this.#closed.reject(
      new BusbarError('CONSUMER_CRASHED', `member '${this.id}' of group '${this.#group.name}' crashed`),
    )
    this.runtime.setTimer(this.#options.broker.sessionTimeoutMs, () => this.#group.leave(this.id))
  }

  /** See `MemoryTransport.freeze`. */
  freeze(): void {
    if (this.#ended || this.#frozen) return
    this.#committer.cancel()
    for (const held of this.#held.values()) held.pause()
    const id = this.#id
    this.#frozen = this.runtime.setTimer(this.#options.broker.sessionTimeoutMs, () => this.#group.leave(id))
  }

  thaw(): void {
    if (this.#ended || !this.#frozen) return
    this.#frozen.cancel()
    this.#frozen = undefined
    this.#committer.now()
    if (this.#group.isCurrent(this.#id, this.#generation)) {
      if (!this.#paused) for (const held of this.#held.values()) held.resume()
      return
    }
    const lost = this.#logs.map(placeOf)
    for (const partition of lost) this.#close(partition, 'the group went on without it')
    this.#tell('revoked', lost)
    this.#group.leave(this.#id)
    this.#id = this.#options.broker.nextMemberId(this.clientId)
    void this.#group.join(this)
  }

  /** What it holds, also what begins anew in a while. */
  get #logs(): readonly PartitionLog[] {
    return [...this.#held.values(), ...this.#reopening.values()].map(({ log }) => log)
  }

  #commit(pending: readonly PendingCommit[]): boolean {
    if (!this.#group.commit(this.#id, this.#generation, pending.map(positionOf))) return false
    for (const each of pending) each.committed([])
    return true
  }

  /** Commits the partitions of one number with what belongs to them. What fails begins anew, so nothing is to be tried again. */
  #transact(pending: readonly PendingCommit[]): boolean {
    const stored = transact(
      { id: this.#id, generation: this.#generation },
      this.#group,
      this.#options.sender,
      pending,
    )
    // Whoever was told of the commit may have crashed this member.
    if (this.#ended) return true
    if (stored instanceof BusbarError) {
      this.#beginAnew(pending, stored)
    } else {
      this.#failed.committed(pending)
      for (const [each, positions] of stored) each.committed(positions)
    }
    return true
  }

  /** Ends the ownership of all partitions of the number that failed, and begins it at the committed positions in a while. */
  #beginAnew(pending: readonly PendingCommit[], error: BusbarError): void {
    const { failure, delayMs } = this.#failed.failed(pending, error)
    const task = this.#logs.filter(({ partition }) => partition === pending[0]?.partition)
    for (const log of task) {
      this.#close(log, `its transaction failed: ${error.message}`)
      const reopen = () => {
        this.#reopening.delete(labelOf(log))
        this.#open(log, this.#group.committed(log) ?? log.start)
      }
      this.#reopening.set(labelOf(log), { log, timer: this.runtime.setTimer(delayMs, reopen) })
    }
    const partitions = task.map(placeOf)
    const group = this.#group.name
    this.#options.connection.onEvent({
      type: 'transaction-failed',
      group,
      partitions,
      failure,
      delayMs,
      error,
    })
  }

  #progressed(held: HeldPartition): void {
    if (this.#frozen) return
    if (held.session.isCommitDue) this.#committer.soon()
    else this.#committer.later()
  }

  #open(log: PartitionLog, position: number): void {
    // A start below the log is found when it is fetched from; beyond its end nothing would ever come.
    const isBeyond = position > log.end
    const start = isBeyond ? log.start : position
    const { deliver, spec, connection } = this.#options
    const held: HeldPartition = new HeldPartition({
      log,
      start,
      committed: this.#group.committed(log),
      deliver,
      maxInFlight: spec.maxInFlight,
      runtime: connection.runtime,
      arena: this.#arena,
      paused: this.#paused || this.#frozen !== undefined,
      transactional: spec.transactional ?? false,
      refused: offset => this.#failed.refused(log, offset),
      onProgress: () => this.#progressed(held),
      onOutOfRange: (lost, resetTo) => this.#tellOutOfRange(log, lost, resetTo),
    })
    this.#held.set(labelOf(log), held)
    if (!isBeyond) return
    this.#tellOutOfRange(log, position, start)
    this.#committer.later()
  }

  #close(partition: TopicPartition, why: string): void {
    const label = labelOf(partition)
    this.#reopening.get(label)?.timer.cancel()
    this.#reopening.delete(label)
    this.#held.get(label)?.revoke(new BusbarError('ABORTED', `partition ${label}: ${why}`))
    this.#held.delete(label)
  }

  #end(why: string): void {
    this.#ended = true
    this.#committer.cancel()
    this.#frozen?.cancel()
    for (const log of this.#logs) this.#close(log, why)
    this.#options.onEnd(this)
  }

  #tell(type: 'assigned' | 'revoked', partitions: readonly TopicPartition[]): void {
    if (partitions.length === 0) return
    this.#options.connection.onEvent({ type, group: this.#group.name, partitions })
  }

  #tellOutOfRange({ topic, partition, start, end }: PartitionLog, position: number, resetTo: number): void {
    const group = this.#group.name
    const place = `${topic}/${partition}, which has ${start} to ${end}`
    const message = `group '${group}' stands at ${position} in ${place}: it goes on at ${resetTo}`
    const error = new BusbarError('POSITION_OUT_OF_RANGE', message)
    this.#options.connection.onEvent({
      type: 'position-out-of-range',
      group,
      topic,
      partition,
      position,
      resetTo,
      error,
    })
  }

  #refuseClosed(): void {
    if (this.#ended)
      throw new BusbarError('BUS_CLOSED', `member '${this.id}' of group '${this.#group.name}' is closed`)
  }
}

function placeOf({ topic, partition }: PartitionLog): TopicPartition {
  return { topic, partition }
}
