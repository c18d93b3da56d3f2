import {
  BusbarError,
  type ConnectOptions,
  type Deliver,
  type Runtime,
  type SubscribeSpec,
  type TopicPartition,
  type TransportSubscription,
} from '@busbar/core'
import { ByteArena } from './byte-arena.js'
import type { ConsumerGroup, GroupParticipant } from './consumer-group.js'
import { HeldPartition } from './held-partition.js'
import type { MemoryBroker } from './memory-broker.js'
import { labelOf } from './partition-label.js'
import type { PartitionLog } from './partition-log.js'
import { PrefixCommitter } from './prefix-committer.js'
import { Settled } from './settled.js'

export interface GroupMemberOptions {
  readonly broker: MemoryBroker
  readonly connection: ConnectOptions
  readonly spec: SubscribeSpec
  readonly deliver: Deliver
  readonly commitIntervalMs: number
  /** Called once when this member is gone. */
  readonly onEnd: (member: GroupMember) => void
}

/** One subscription: a member of a group, with the partitions that it holds. */
export class GroupMember implements GroupParticipant, TransportSubscription {
  readonly id: string
  readonly clientId: string
  readonly runtime: Runtime
  readonly from: 'earliest' | 'latest'
  readonly #options: GroupMemberOptions
  readonly #group: ConsumerGroup
  readonly #arena = new ByteArena()
  readonly #held = new Map<string, HeldPartition>()
  readonly #closed = new Settled()
  readonly #committer: PrefixCommitter
  #topics: readonly string[]
  #generation = 0
  #paused = false
  #ended = false

  constructor(options: GroupMemberOptions) {
    const { broker, connection, spec } = options
    this.#options = options
    this.#group = broker.group(spec.group)
    this.#topics = [...spec.topics]
    this.id = broker.nextMemberId(connection.clientId)
    this.clientId = connection.clientId
    this.runtime = connection.runtime
    this.from = spec.from
    this.#committer = new PrefixCommitter({
      runtime: this.runtime,
      intervalMs: options.commitIntervalMs,
      held: () => this.#held.values(),
      commit: positions => this.#group.commit(this.id, this.#generation, positions),
    })
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
    if (this.#ended) return
    this.#generation = generation
    for (const partition of gained) {
      const log = this.#options.broker.topic(partition.topic).log(partition.partition)
      this.#open(log, this.#group.committed(partition) ?? log.start)
    }
    this.#tell('assigned', gained)
  }

  revoke(lost: readonly TopicPartition[]): void {
    if (this.#ended) return
    this.#committer.now()
    for (const partition of lost) this.#close(partition, 'moved to another member')
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
    const held = this.#held.get(labelOf(target))
    if (!held)
      throw new BusbarError('CONFIG_INVALID', `cannot seek ${labelOf(target)}: this member does not hold it`)
    if (typeof to === 'number' && !Number.isSafeInteger(to)) {
      throw new BusbarError(
        'CONFIG_INVALID',
        `cannot seek ${labelOf(target)} to ${to}: a position is a whole number`,
      )
    }
    this.#close(target, 'continues at another position')
    const position = to === 'earliest' ? held.log.start : to === 'latest' ? held.log.end : to
    this.#open(held.log, position)
    this.#committer.later()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return
    const held = [...this.#held.values()].map(({ log: { topic, partition } }) => ({ topic, partition }))
    this.#committer.now()
    this.#end('the subscription was closed')
    this.#group.leave(this.id)
    this.#tell('revoked', held)
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

  #open(log: PartitionLog, position: number): void {
    // A start below the log is found when it is fetched from; beyond its end nothing would ever come.
    const isBeyond = position > log.end
    const start = isBeyond ? log.start : position
    const { deliver, spec, connection } = this.#options
    const held = new HeldPartition({
      log,
      start,
      committed: this.#group.committed(log),
      deliver,
      maxInFlight: spec.maxInFlight,
      runtime: connection.runtime,
      arena: this.#arena,
      paused: this.#paused,
      onProgress: () => this.#committer.later(),
      onOutOfRange: (lost, resetTo) => this.#tellOutOfRange(log, lost, resetTo),
    })
    this.#held.set(labelOf(log), held)
    if (!isBeyond) return
    this.#tellOutOfRange(log, position, start)
    this.#committer.later()
  }

  #close(partition: TopicPartition, why: string): void {
    const label = labelOf(partition)
    this.#held.get(label)?.revoke(new BusbarError('ABORTED', `partition ${label}: ${why}`))
    this.#held.delete(label)
  }

  #end(why: string): void {
    this.#ended = true
    this.#committer.cancel()
    for (const held of [...this.#held.values()]) this.#close(held.log, why)
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
