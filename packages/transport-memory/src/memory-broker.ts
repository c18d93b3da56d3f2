import {
  BusbarError,
  type InboundRecord,
  type PartitionPosition,
  type TopicPartition,
  type TopicSpec,
} from '@busbar/core'
import { ByteArena } from './byte-arena.js'
import {
  type CommittedPosition,
  ConsumerGroup,
  type GroupDescription,
  type OnCommit,
  type OnTransaction,
} from './consumer-group.js'
import { inboundOf } from './stored-record.js'
import { Topic } from './topic.js'
import { checkCount, checkTopicMatches, checkTopicName } from './topic-check.js'
import {
  type BrokerDefaults,
  defaultConfig,
  type Retention,
  readSettings,
  type TopicConfig,
} from './topic-settings.js'

export interface MemoryBrokerOptions {
  /** Partitions of a topic that is created without a number. Default: 3. */
  readonly partitions?: number
  /** Whether sending to or subscribing to an unknown topic creates it. Default: false, it is `TOPIC_MISSING`. */
  readonly autoCreateTopics?: boolean
  /** Largest record, as bytes of key, value and headers; a topic's `max.message.bytes` goes first. Default: 1 MiB. */
  readonly maxRecordBytes?: number
  /** What each partition keeps; a topic's `retention.bytes` and `retention.ms` go first. Default: everything. */
  readonly retention?: Retention
  /** How long a group waits for a crashed member before others get its partitions, in milliseconds. Default: 0. */
  readonly sessionTimeoutMs?: number
  /** Told of every commit before it counts, for tests; returning false refuses it: see {@link OnCommit}. */
  readonly onCommit?: OnCommit
  /** Told of the records that transactions store, for tests. */
  readonly onTransaction?: OnTransaction
}

/** What a topic is created with. */
export interface TopicOptions {
  /** Default: the broker's. */
  readonly partitions?: number
  /** Only remembered, since there is one copy of everything. Default: 1. */
  readonly replication?: number
  /** Settings by their Kafka names. Default: none. */
  readonly config?: TopicConfig
}

/** The positions between which a partition can be read: the first that is kept, and one past the last. */
export interface LogBounds {
  readonly start: number
  readonly end: number
}

/**
 * A model of a Kafka broker in this process: topics with partitions, their logs, and consumer groups. Give one to
 * several transports to let several services meet. It has no clock of its own: what happens in it happens in a turn of
 * the transport that caused it, on that transport's runtime; rebalances on that of the group's oldest member.
 */
export class MemoryBroker {
  /** How long a group waits for a crashed member, in milliseconds. */
  readonly sessionTimeoutMs: number
  readonly #partitions: number
  readonly #autoCreateTopics: boolean
  readonly #defaults: BrokerDefaults
  readonly #hooks: Pick<MemoryBrokerOptions, 'onCommit' | 'onTransaction'>
  readonly #topics = new Map<string, Topic>()
  readonly #groups = new Map<string, ConsumerGroup>()
  #members = 0

  constructor(options: MemoryBrokerOptions = {}) {
    this.sessionTimeoutMs = options.sessionTimeoutMs ?? 0
    this.#partitions = options.partitions ?? 3
    this.#autoCreateTopics = options.autoCreateTopics ?? false
    this.#hooks = options
    this.#defaults = {
      maxRecordBytes: options.maxRecordBytes ?? 1_048_576,
      retention: options.retention ?? {},
    }
  }

  /** The names of all topics, in the order of their creation. */
  topics(): string[] {
    return [...this.#topics.keys()]
  }

  /** Creates a topic. Throws `TOPIC_INVALID`, and `TOPIC_MISMATCH` where there is one of that name. */
  createTopic(name: string, options: TopicOptions = {}): void {
    if (this.#topics.has(name)) throw new BusbarError('TOPIC_MISMATCH', `topic '${name}' exists already`)
    this.#create(name, options)
  }

  /**
   * Adds partitions until the topic has that many: groups rebalance, readers follow. Throws `TOPIC_MISSING`, and
   * `TOPIC_INVALID` for fewer than there are.
   */
  addPartitions(name: string, partitions: number): void {
    const topic = this.topic(name)
    checkCount(name, 'partitions', partitions)
    if (partitions < topic.logs.length) {
      throw new BusbarError(
        'TOPIC_INVALID',
        `topic '${name}' has ${topic.logs.length} partitions: ${partitions} are fewer`,
      )
    }
    topic.grow(partitions)
    for (const group of this.#groups.values()) if (group.wants(name)) void group.rejoin()
  }

  /** What a partition keeps. Throws `TOPIC_MISSING`. */
  bounds({ topic, partition }: TopicPartition): LogBounds {
    const { start, end } = this.topic(topic).log(partition)
    return { start, end }
  }

  /** A copy of every record that a topic keeps, by partition and position. Throws `TOPIC_MISSING`. */
  records(topic: string): InboundRecord[] {
    const arena = new ByteArena()
    return this.topic(topic).logs.flatMap(log => log.all().map(record => inboundOf(record, log, arena)))
  }

  /** Removes the records of a partition below `position`, as retention does. Throws `TOPIC_MISSING`. */
  trim({ topic, partition }: TopicPartition, position: number): void {
    this.topic(topic).log(partition).trim(position)
  }

  /**
   * Keeps the latest record of each key of a topic now, whatever its policy; with `cleanup.policy=compact` it happens
   * by itself. Tombstones that are older than `delete.retention.ms` at `nowMs` go too. Default of `nowMs`: 0, so that
   * they stay. Throws `TOPIC_MISSING`.
   */
  compact(topic: string, nowMs = 0): void {
    for (const log of this.topic(topic).logs) log.compact(nowMs)
  }

  /** A group's generation, members, and who holds what. */
  describeGroup(group: string): GroupDescription {
    return this.group(group).describe()
  }

  /**
   * Takes every partition of a group away from its member and shares all of them out anew, as a rebalance of a cluster
   * may. Resolves once that is done.
   */
  rebalance(group: string): Promise<void> {
    return this.group(group).moveAll()
  }

  /** Where a group stands, by topic and partition; empty for an unknown group. */
  positions(group: string): PartitionPosition[] {
    return this.#groups.get(group)?.positions() ?? []
  }

  /** Moves a group's committed position, as operators do. Throws `CONFIG_INVALID` while the group has members. */
  resetPosition(group: string, position: CommittedPosition): void {
    this.topic(position.topic).log(position.partition)
    this.group(group).reset(position)
  }

  /** For transports: a topic, created where that is allowed. Throws `TOPIC_MISSING` or `TOPIC_INVALID`. */
  topic(name: string): Topic {
    const topic = this.#topics.get(name)
    if (topic) return topic
    checkTopicName(name)
    if (this.#autoCreateTopics) return this.#create(name, {})
    throw new BusbarError(
      'TOPIC_MISSING',
      `topic '${name}' does not exist: create it, or set autoCreateTopics`,
    )
  }

  /** For transports: creates or verifies a topic. Throws `TOPIC_MISSING`, `TOPIC_MISMATCH` or `TOPIC_INVALID`. */
  ensureTopic(spec: TopicSpec): void {
    const topic = this.#topics.get(spec.name)
    if (topic) {
      checkTopicMatches(topic, spec, defaultConfig(this.#defaults))
      return
    }
    checkTopicName(spec.name)
    if (!spec.create)
      throw new BusbarError('TOPIC_MISSING', `topic '${spec.name}' does not exist and may not be created`)
    this.#create(spec.name, spec)
  }

  /** For transports: a consumer group, which is there as soon as somebody asks. */
  group(name: string): ConsumerGroup {
    const group =
      this.#groups.get(name) ?? new ConsumerGroup(name, topic => this.#topics.get(topic), this.#hooks)
    this.#groups.set(name, group)
    return group
  }

  /** For transports: names a member, counting up, so that a simulation names alike each time. */
  nextMemberId(clientId: string): string {
    this.#members += 1
    return `${clientId}-${this.#members}`
  }

  #create(name: string, options: TopicOptions): Topic {
    const { partitions = this.#partitions, replication = 1, config = {} } = options
    checkTopicName(name)
    checkCount(name, 'partitions', partitions)
    checkCount(name, 'replication', replication)
    const settings = readSettings(name, config, this.#defaults)
    const topic = new Topic({ name, partitions, replication, config: { ...config }, settings })
    this.#topics.set(name, topic)
    return topic
  }
}

/** Makes a broker. */
export function memoryBroker(options: MemoryBrokerOptions = {}): MemoryBroker {
  return new MemoryBroker(options)
}
