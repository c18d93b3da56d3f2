import type { Logger, Runtime } from '@busbar/core'
import type { BrokerLinks } from './broker-links.js'
import type { ControlLink } from './control-link.js'
import { type Metadata, maxMessageBytes, metadata } from './control-protocol.js'
import { kafkaCode } from './error-codes.js'
import type { PartitionQueue } from './partition-queue.js'
import { Topic } from './topic.js'

/** After how long what is known of a topic is asked for again, in milliseconds, as other Kafka clients do. */
const maxAgeMs = 300_000

export interface TopicDirectoryOptions {
  readonly control: ControlLink
  readonly links: BrokerLinks
  readonly runtime: Runtime
  readonly logger: Logger
  /** Milliseconds on a clock that never goes back. */
  readonly clock: () => number
  /** The largest batch that any topic takes, instead of asking the brokers. */
  readonly maxMessageBytes: number | undefined
  /** Called when a partition has another leader. `from` is the old one's node id, -1 for none. */
  readonly onMoved: (queue: PartitionQueue, from: number) => void
}

/** Knows the topics that are written: partitions, leaders, size limits. Requests are shared by all that want one. */
export class TopicDirectory {
  readonly #options: TopicDirectoryOptions
  readonly #topics = new Map<string, Topic>()
  #wanted = new Set<Topic>()
  #running: Promise<void> = Promise.resolve()
  #upcoming: Promise<void> | undefined

  constructor(options: TopicDirectoryOptions) {
    this.#options = options
  }

  /** The topic, known or to be loaded by `refresh`. */
  get(name: string): Topic {
    let topic = this.#topics.get(name)
    if (!topic) {
      topic = new Topic(name, this.#options.runtime)
      topic.maxMessageBytes = this.#options.maxMessageBytes ?? topic.maxMessageBytes
      this.#topics.set(name, topic)
    }
    return topic
  }

  get all(): Iterable<Topic> {
    return this.#topics.values()
  }

  /** Asks for a topic anew. Never rejects: what went wrong is in the topic's `lastError` and `errorCode`. */
  refresh(topic: Topic): Promise<void> {
    this.#wanted.add(topic)
    this.#upcoming ??= this.#startAfter(this.#running)
    return this.#upcoming
  }

  /** Asks anew, in the background, for loaded topics whose knowledge is old. */
  refreshOld(now: number): void {
    for (const topic of this.#topics.values()) {
      if (topic.loaded && now - topic.loadedAt > maxAgeMs) {
        // Not again before this has come back, whatever it says.
        topic.loadedAt = now
        void this.refresh(topic)
      }
    }
  }

  /** Makes the next refresh ask for the topic's size limit too. */
  forgetLimit(topic: Topic): void {
    topic.limitLoadedAt = Number.NEGATIVE_INFINITY
  }

  async #startAfter(previous: Promise<void>): Promise<void> {
    await previous
    const topics = [...this.#wanted]
    this.#wanted = new Set()
    this.#running = this.#load(topics)
    this.#upcoming = undefined
    await this.#running
  }

  async #load(topics: readonly Topic[]): Promise<void> {
    const { control, logger } = this.#options
    const names = topics.map(topic => topic.name)
    const limits = this.#loadLimits(topics)
    try {
      const found = await control.request(metadata(names))
      await limits
      this.#apply(topics, found)
    } catch (error) {
      logger.debug({ err: error, topics: names }, 'Metadata could not be loaded')
      for (const topic of topics) topic.lastError = error
    }
  }

  #apply(topics: readonly Topic[], found: Metadata): void {
    const { control, links, clock, onMoved } = this.#options
    control.setAddresses(found.brokers)
    links.setNodes(found.brokers)
    const now = clock()
    for (const topic of topics) {
      const ofTopic = found.topics.find(({ name }) => name === topic.name)
      const answer = ofTopic ?? { name: topic.name, errorCode: kafkaCode.unknownTopicOrPartition, partitions: [] }
      topic.lastError = undefined
      topic.update(answer, now, onMoved)
    }
  }

  async #loadLimits(topics: readonly Topic[]): Promise<void> {
    const { control, logger, clock, maxMessageBytes: given } = this.#options
    const now = clock()
    const old = topics.filter(topic => now - topic.limitLoadedAt > maxAgeMs)
    if (given !== undefined || old.length === 0) return
    try {
      const limits = await control.request(maxMessageBytes(old.map(topic => topic.name)))
      // Where it may not be described, what was known stays: Kafka's default.
      for (const topic of old) {
        topic.limitLoadedAt = now
        topic.maxMessageBytes = limits.get(topic.name) ?? topic.maxMessageBytes
      }
    } catch (error) {
      logger.debug({ err: error }, 'The size limits of topics could not be loaded')
    }
  }
}
