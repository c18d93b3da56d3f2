import {
  BusbarError,
  type Deliver,
  type Logger,
  type Runtime,
  type SubscribeSpec,
  sleep,
  type TopicPartition,
  type TransportEvent,
} from '@busbar/core'
import type { Claim } from './assigner.js'
import type { GateHooks, Generation } from './coordinator-gate.js'
import type { HeldPartition } from './held-partition.js'
import { HeldSet } from './held-set.js'
import { hasKafkaErrorType } from './kafka-error.js'
import type { Broker, FetchRequest } from './kafkajs-internals.js'
import { type LogRange, logRanges, partitionKey, readUncommitted } from './log-offsets.js'
import { PartitionFetcher } from './partition-fetch.js'
import { GroupPositions, type PositionKeeper, type PositionKeeperOptions } from './position-keeper.js'
import { outOfRange } from './start-positions.js'
import { TaskPositions } from './transaction/task-positions.js'
import type { Transactions } from './transaction/transactions.js'

export interface HeldPartitionsOptions {
  readonly spec: SubscribeSpec
  readonly deliver: Deliver
  readonly runtime: Runtime
  readonly logger: Logger
  readonly onEvent: (event: TransportEvent) => void
  readonly commitIntervalMs: number
  readonly maxBytesPerPartition: number
  /** Called when the group's work has moved on. */
  readonly onProgress: () => void
  /** For a transactional subscription, and how long a member has to begin with what it was assigned. */
  readonly transactions: { readonly shared: Transactions; readonly beginWithinMs: number } | undefined
  /** Called when no further try mends what keeps this member from going on. */
  readonly onFailed: (error: BusbarError) => void
}

const closedDelayMs = 10

/** The partitions that this member of a group holds: follows its assignments, fetches, and commits. */
export class HeldPartitions implements Omit<GateHooks, 'closed' | 'mustRejoin'> {
  readonly #options: HeldPartitionsOptions
  readonly #held: HeldSet
  readonly #positions: PositionKeeper
  readonly #fetcher: PartitionFetcher
  #generation: Generation | undefined
  #formerMember: string | undefined
  #entering: Promise<void> = Promise.resolve()
  #closed = false
  #closing: () => void = () => {}
  readonly #whenClosing = new Promise<void>(resolve => {
    this.#closing = resolve
  })

  constructor(options: HeldPartitionsOptions) {
    const { runtime, logger, commitIntervalMs, deliver, spec, transactions } = options
    this.#options = options
    this.#fetcher = new PartitionFetcher(runtime)
    this.#held = new HeldSet({
      deliver,
      runtime,
      maxInFlight: spec.maxInFlight,
      transactional: transactions !== undefined,
      onWelcome: () => this.#fetcher.wake(),
      onProgress: (of, idle) => this.#positions.request(of, idle),
    })
    const keeping: PositionKeeperOptions = {
      spec,
      held: this.#held,
      runtime,
      logger,
      commitIntervalMs,
      generation: () => this.#generation,
      onProgress: () => options.onProgress(),
    }
    const { onEvent, onFailed } = options
    this.#positions = transactions
      ? new TaskPositions({
          ...keeping,
          ...transactions,
          onEvent,
          onFailed,
          onHeld: () => this.#fetcher.wake(),
        })
      : new GroupPositions(keeping)
  }

  /** What the member tells the leader of the group about itself. */
  claim(topics: readonly string[]): Claim {
    const owned = this.#held.all.map(({ topic, partition }) => ({ topic, partition }))
    return { topics, owned, generation: this.#generation?.generationId ?? -1 }
  }

  /** Commits what is finished, while the coordinator still takes it. */
  beforeJoin(): Promise<void> {
    return this.#positions.beforeJoin()
  }

  formerMember(): string | undefined {
    const member = this.#formerMember
    this.#formerMember = undefined
    return member
  }

  /** One assignment after the other, also where kafkajs joins twice at a time. */
  joined(generation: Generation): Promise<void> {
    this.#entering = this.#entering.catch(() => {}).then(() => this.#enter(generation))
    return this.#entering
  }

  position(topic: string, partition: number): number | undefined {
    return this.#held.get({ topic, partition })?.position
  }

  async fetch(broker: Broker, request: FetchRequest): Promise<void> {
    // kafkajs asks again at once, for as long as the last commit takes, and would leave nothing else a turn.
    if (this.#closed) return sleep(this.#options.runtime, closedDelayMs)
    const targets = request.topics.flatMap(({ topic, partitions }) =>
      partitions.flatMap(({ partition }) => this.#held.get({ topic, partition }) ?? []),
    )
    const { topics: _topics, ...limits } = request
    const { maxBytesPerPartition } = this.#options
    try {
      // Whoever leaves does not wait for the broker's answer.
      await Promise.race([
        this.#fetcher.fetchOnce(broker, targets, { ...limits, maxBytesPerPartition }),
        this.#whenClosing,
      ])
    } catch (error) {
      if (!hasKafkaErrorType(error, 'OFFSET_OUT_OF_RANGE')) throw error
      await this.#recover(error as TopicPartition)
    }
  }

  /** Fetches nothing and brings nothing back until {@link resume}. */
  pause(): void {
    this.#held.pause()
  }

  resume(): void {
    this.#held.resume()
  }

  /** @throws BusbarError `CONFIG_INVALID` where this member does not hold the partition. */
  async seek(target: TopicPartition, to: 'earliest' | 'latest' | number): Promise<void> {
    const { group } = this.#options.spec
    const name = `${target.topic}/${target.partition}`
    const generation = this.#generation
    const held = this.#held.get(target)
    if (!generation || !held)
      throw new BusbarError('CONFIG_INVALID', `Cannot seek ${name}: this member of ${group} does not hold it`)
    let start = to as number
    if (typeof to === 'string') {
      const range = await this.#range(generation, target)
      if (!range) throw new BusbarError('CONNECTION_FAILED', `Cannot seek ${name}: it has no leader`)
      start = to === 'earliest' ? range.start : range.end
    }
    if (this.#held.get(target) !== held)
      throw new BusbarError('ABORTED', `Cannot seek ${name}: it moved to another member`)
    held.revoke(new BusbarError('ABORTED', `Group ${group} was sent to position ${start} of ${name}`))
    this.#held.hold({ ...target, start, committed: undefined, partitionsAtStart: held.partitionsAtStart })
    this.#positions.request(target, true)
    this.#fetcher.wake()
  }

  /** Ends all ownership without a commit: the membership is lost. */
  drop(reason: BusbarError): void {
    this.#formerMember = this.#generation?.memberId ?? this.#formerMember
    this.#generation = undefined
    this.#positions.assign([])
    this.#revoke(this.#held.all, reason)
  }

  /** Ends all ownership, and commits what was finished. */
  async close(reason: BusbarError): Promise<void> {
    this.#closed = true
    this.#closing()
    this.#fetcher.wake()
    await this.#positions.close(reason)
  }

  async #enter(generation: Generation): Promise<void> {
    const { spec } = this.#options
    const restarting = keysOf(this.#positions.assign(generation.partitions))
    const assigned = keysOf(generation.partitions)
    const continues = isContinued(this.#generation, generation)
    const lost = this.#held.all.filter(({ topic, partition }) => {
      const key = partitionKey(topic, partition)
      return !continues || !assigned.has(key) || restarting.has(key)
    })
    this.#generation = generation
    this.#revoke(
      lost,
      new BusbarError('ABORTED', `The partition moved to another member of group ${spec.group}`),
    )
    const fresh = generation.partitions.filter(partition => !this.#held.get(partition))
    if (fresh.length > 0) await this.#begin(generation, fresh)
    this.#positions.joined()
  }

  async #begin(generation: Generation, fresh: readonly TopicPartition[]): Promise<void> {
    const { spec, onEvent } = this.#options
    const events: TransportEvent[] = []
    const starts = await this.#positions.begin(generation, fresh, event => events.push(event))
    for (const event of events) onEvent(event)
    if (this.#closed) return
    for (const start of starts) this.#held.hold(start)
    onEvent({ type: 'assigned', group: spec.group, partitions: fresh })
    this.#fetcher.wake()
  }

  #revoke(partitions: readonly HeldPartition[], reason: BusbarError): void {
    if (partitions.length === 0) return
    this.#held.revoke(partitions, reason)
    const named = partitions.map(({ topic, partition }) => ({ topic, partition }))
    this.#options.onEvent({ type: 'revoked', group: this.#options.spec.group, partitions: named })
  }

  /** A position has fallen out of the log while it was being read. */
  async #recover({ topic, partition }: TopicPartition): Promise<void> {
    const held = this.#held.get({ topic, partition })
    const generation = this.#generation
    if (!held || !generation) return
    const position = held.position
    const range = await this.#range(generation, { topic, partition })
    // Sought or moved away meanwhile, or the leader's view has changed: the next request tells.
    if (!range || this.#held.get(held) !== held || held.position !== position) return
    if (position >= range.start && position <= range.end) return sleep(this.#options.runtime, 100)
    this.#options.onEvent(outOfRange(generation.group, { topic, partition }, position, range))
    if (position < range.start) return held.skipTo(range.start)
    // The log is another one: positions of the old one mean nothing in it.
    held.revoke(
      new BusbarError('POSITION_OUT_OF_RANGE', `${topic}/${partition} was created anew, or has lost records`),
    )
    const { partitionsAtStart } = held
    this.#held.hold({ topic, partition, start: range.start, committed: undefined, partitionsAtStart })
    this.#positions.request(held, true)
  }

  async #range({ cluster }: Generation, target: TopicPartition): Promise<LogRange | undefined> {
    const ranges = await logRanges(cluster, [target], readUncommitted, this.#options.runtime)
    return ranges.get(partitionKey(target.topic, target.partition))
  }
}

function keysOf(partitions: readonly TopicPartition[]): ReadonlySet<string> {
  return new Set(partitions.map(({ topic, partition }) => partitionKey(topic, partition)))
}

/**
 * Whether a member has held what it keeps without a gap: it is still the same member, and has missed no assignment, in
 * which another member might have had a partition for a while.
 */
function isContinued(before: Generation | undefined, now: Generation): boolean {
  if (before?.memberId !== now.memberId) return false
  return now.generationId === before.generationId || now.generationId === before.generationId + 1
}
