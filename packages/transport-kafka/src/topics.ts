import { BusbarError, type PartitionPosition, type Runtime, type TopicSpec } from '@busbar/core'
import { onceCoordinatorReady } from './coordinator-ready.js'
import { createMissing } from './create-topics.js'
import { withCoordinatorReason } from './find-coordinator.js'
import { groupPositions } from './group-positions.js'
import { hasKafkaErrorType, kafkaError } from './kafka-error.js'
import type { Cluster, GroupBroker, PartitionMetadata } from './kafkajs-internals.js'
import { logRanges, partitionKey, readCommitted, readUncommitted } from './log-offsets.js'
import { describeOn, untilLed } from './topic-leaders.js'
import { topicMismatches } from './topic-mismatches.js'
import { topicError } from './topic-reason.js'
import { checkTopicSpec } from './topic-spec.js'

export interface TopicsOptions {
  readonly cluster: Cluster
  readonly runtime: Runtime
  /** For topics that don't say. Without replication: the broker's. */
  readonly defaults: { readonly partitions: number; readonly replication: number | undefined }
}

/** Administration of topics and groups over one cluster of its own. Every method rejects with a `BusbarError`. */
export class Topics {
  readonly #options: TopicsOptions
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: TopicsOptions) {
    this.#options = options
  }

  ensure(specs: readonly TopicSpec[]): Promise<void> {
    return this.#alone(() => this.#ensure(specs))
  }

  async #ensure(specs: readonly TopicSpec[]): Promise<void> {
    for (const spec of specs) checkTopicSpec(spec)
    const { cluster, runtime, defaults } = this.#options
    const missing: TopicSpec[] = []
    for (const spec of specs) {
      const error = await this.#asked(`Topic ${spec.name}`, () => this.#missingOr(spec.name))
      if (error && !spec.create) throw error
      if (error) missing.push(spec)
    }
    const doing = `Creating topics ${missing.map(({ name }) => name).join(', ')}`
    const created = new Set(
      missing.length === 0 ? [] : await this.#asked(doing, () => createMissing(cluster, missing, defaults)),
    )
    for (const { name } of missing)
      await this.#asked(`Waiting for topic ${name}`, () => untilLed(cluster, runtime, name))
    if (missing.length > 0) await this.#asked(doing, () => this.#untilReady(missing.map(({ name }) => name)))
    for (const spec of specs) {
      if (!created.has(spec.name)) await this.#asked(`Topic ${spec.name}`, () => this.#verify(spec))
    }
  }

  partitions(topic: string): Promise<number> {
    return this.#asked(`Topic ${topic}`, async () => (await this.#describe(topic)).length)
  }

  positions(group: string): Promise<PartitionPosition[]> {
    const { runtime } = this.#options
    const ask = () => onceCoordinatorReady(runtime, () => this.#positions(group))
    return this.#alone(() => this.#asked(`Positions of group ${group}`, ask))
  }

  async #positions(group: string): Promise<PartitionPosition[]> {
    const { cluster } = this.#options
    await cluster.connect()
    await cluster.refreshMetadataIfNecessary()
    const find = () => cluster.findGroupCoordinator({ groupId: group })
    const coordinator = (await withCoordinatorReason(cluster, group, find)) as GroupBroker
    const committed = await groupPositions(coordinator, group, this.#options.runtime)
    if (committed.length === 0) return []
    // A deleted topic's positions stay for a while: they are of no use.
    await this.#load([...new Set(committed.map(({ topic }) => topic))])
    const known = committed.filter(
      ({ topic, partition, committed: position }) =>
        position >= 0 &&
        cluster.findTopicPartitionMetadata(topic).some(({ partitionId }) => partitionId === partition),
    )
    // Of a transaction that is not ended nobody may read anything yet: it is nothing that the group lags behind.
    const ranges = await logRanges(cluster, known, readCommitted, this.#options.runtime)
    known.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
    return known.map(position => {
      const end = ranges.get(partitionKey(position.topic, position.partition))?.end ?? position.committed
      return { ...position, end, lag: Math.max(0, end - position.committed) }
    })
  }

  /** Loads the metadata of those topics that can be seen. */
  async #load(topics: readonly string[]): Promise<void> {
    const { cluster } = this.#options
    cluster.targetTopics = new Set(topics)
    try {
      await cluster.refreshMetadata()
    } catch {
      // One that cannot be seen fails them all.
      const visible: string[] = []
      for (const topic of topics) if (!(await topicError(cluster, topic))) visible.push(topic)
      cluster.targetTopics = new Set(visible)
      await cluster.refreshMetadata()
    }
  }

  /** The error of a topic that is missing; undefined for one that is there. Rejects for anything else. */
  async #missingOr(topic: string): Promise<BusbarError | undefined> {
    try {
      await this.#describe(topic)
      return undefined
    } catch (error) {
      if (hasKafkaErrorType(error, 'LEADER_NOT_AVAILABLE')) return undefined
      if (error instanceof BusbarError && error.code === 'TOPIC_MISSING') return error
      throw error
    }
  }

  async #describe(topic: string): Promise<readonly PartitionMetadata[]> {
    const { cluster } = this.#options
    await cluster.connect()
    const broker = (await cluster.brokerPool.findConnectedBroker()) as GroupBroker
    return describeOn(broker, topic)
  }

  /** Until the leaders answer for their partitions: the metadata names them a moment before. */
  async #untilReady(topics: readonly string[]): Promise<void> {
    const { cluster, runtime } = this.#options
    await this.#load(topics)
    const partitions = topics.flatMap(topic =>
      cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ topic, partition: partitionId })),
    )
    await logRanges(cluster, partitions, readUncommitted, runtime).catch(error => {
      // Whoever may create a topic need not be allowed to read it.
      if (!hasKafkaErrorType(error, 'TOPIC_AUTHORIZATION_FAILED')) throw error
    })
  }

  async #verify(spec: TopicSpec): Promise<void> {
    const partitions = await this.#describe(spec.name)
    const config =
      spec.config && Object.keys(spec.config).length > 0 ? await this.#config(spec.name) : new Map()
    const differences = topicMismatches(spec, partitions, config)
    if (differences.length === 0) return
    throw new BusbarError(
      'TOPIC_MISMATCH',
      `Topic ${spec.name} exists otherwise than declared: ${differences.join('; ')}. Change the declaration or the topic`,
    )
  }

  async #config(topic: string): Promise<Map<string, string | null>> {
    const broker = await this.#options.cluster.brokerPool.findConnectedBroker()
    const topicResource = 2
    const { resources } = await broker.describeConfigs({ resources: [{ type: topicResource, name: topic }] })
    const entries = resources.flatMap(({ configEntries }) => configEntries)
    return new Map(entries.map(({ configName, configValue }) => [configName, configValue]))
  }

  /** One after the other: the cluster knows one set of topics at a time. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }

  async #asked<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw kafkaError(error, { doing, fallback: 'CONNECTION_FAILED' })
    }
  }
}
