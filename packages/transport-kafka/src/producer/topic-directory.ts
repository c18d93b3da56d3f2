import { BusbarError } from '@busbar/core'
import { isFinal } from '../kafka-error.js'
import type { BrokerNode } from './broker-links.js'
import type { ControlLink } from './control-link.js'
import { type Metadata, maxMessageBytes, metadata } from './control-protocol.js'
import { kafkaCode, meaningOf } from './error-codes.js'
import type { PartitionQueue } from './partition-queue.js'
import type { ProducerSettings } from './producer-options.js'
import { Topic } from './topic.js'

/** After how long what is known of a topic is asked for again, in milliseconds, as other Kafka clients do. */
const maxAgeMs = 300_000

export interface TopicDirectoryOptions {
  readonly control: ControlLink
  /** Told which brokers there are. */
  readonly links: { setNodes(nodes: readonly BrokerNode[]): void }
  readonly settings: ProducerSettings
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
      const { runtime, maxMessageBytes } = this.#options.settings
      topic = new Topic(name, runtime)
      topic.maxMessageBytes = maxMessageBytes ?? topic.maxMessageBytes
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

  /** Why a topic can't be written, if the last answer made that certain. */
  errorOf(topic: Topic): BusbarError | undefined {
    const { clock, missingTopicGraceMs } = this.#options.settings
    const { lastError, errorCode, missingSince } = topic
    if (lastError instanceof BusbarError && isFinal(lastError)) return lastError
    if (errorCode === 0) return undefined
    const { name, kind, code = 'PUBLISH_FAILED' } = meaningOf(errorCode)
    const isMissing = missingSince !== undefined && clock() - missingSince >= missingTopicGraceMs
    if (kind === 'retry' && !isMissing) return undefined
    return new BusbarError(code, `Topic ${topic.name} can't be written: ${name}`)
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
    const { control, settings } = this.#options
    const names = topics.map(topic => topic.name)
    const limits = this.#loadLimits(topics)
    try {
      const found = await control.request(metadata(names))
      await limits
      this.#apply(topics, found)
    } catch (error) {
      settings.logger.debug({ err: error, topics: names }, 'Metadata could not be loaded')
      for (const topic of topics) topic.lastError = error
    }
  }

  #apply(topics: readonly Topic[], found: Metadata): void {
    const { control, links, settings, onMoved } = this.#options
    control.setAddresses(found.brokers)
    links.setNodes(found.brokers)
    const now = settings.clock()
    for (const topic of topics) {
      const ofTopic = found.topics.find(({ name }) => name === topic.name)
      const answer = ofTopic ?? {
        name: topic.name,
        errorCode: kafkaCode.unknownTopicOrPartition,
        partitions: [],
      }
      topic.lastError = undefined
      topic.update(answer, now, onMoved)
    }
  }

  async #loadLimits(topics: readonly Topic[]): Promise<void> {
    const { logger, clock, maxMessageBytes: given } = this.#options.settings
    const now = clock()
    const old = topics.filter(topic => now - topic.limitLoadedAt > maxAgeMs)
    if (given !== undefined || old.length === 0) return
    try {
      const limits = await this.#options.control.request(maxMessageBytes(old.map(topic => topic.name)))
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
