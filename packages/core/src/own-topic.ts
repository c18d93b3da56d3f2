import { BusbarError } from './error.js'
import type { Transport } from './transport.js'

type TopicConfig = Readonly<Record<string, string>>

/** A topic of the bus's own: replies, retries, dead letters. */
export interface OwnTopic {
  readonly name: string
  /** When it has to be created: with as many partitions as this topic. */
  readonly like?: string
  /** When it has to be created, and there is no `like`. Default: the transport's. */
  readonly partitions?: number
  readonly config?: TopicConfig
}

/**
 * The name of a group's own topic for a topic. A group's name may have characters that no topic's may; groups that come
 * to share a topic so tell their records apart by the header that names the group.
 */
export function ownTopicName(topic: string, group: string, suffix: string): string {
  return `${topic}.${group.replaceAll(/[^a-zA-Z0-9._-]/g, '-')}.${suffix}`
}

/** Room for the headers of a failure, in a topic whose records may be as large as those of another. */
const reasonBytes = 65_536

/** Makes sure, once for each, of topics of the bus's own. One that exists is used as it is, whatever its settings. */
export class OwnTopics {
  readonly #transport: Transport
  readonly #create: boolean
  readonly #configOf: (topic: string) => TopicConfig | undefined
  readonly #ensured = new Map<string, Promise<number>>()

  /** @param configOf the settings with which this bus declares a topic. */
  constructor(
    transport: Transport,
    create: boolean,
    configOf: (topic: string) => TopicConfig | undefined = () => undefined,
  ) {
    this.#transport = transport
    this.#create = create
    this.#configOf = configOf
  }

  /** Resolves with its number of partitions. A failure is not remembered. */
  ensure(topic: OwnTopic): Promise<number> {
    const known = this.#ensured.get(topic.name)
    if (known) return known
    const ensuring = this.#ensure(topic)
    this.#ensured.set(topic.name, ensuring)
    ensuring.catch(() => this.#ensured.delete(topic.name))
    return ensuring
  }

  /** As {@link ensure}; undefined for one that is missing and may not be created. */
  async ensureIfAllowed(topic: OwnTopic): Promise<number | undefined> {
    try {
      return await this.ensure(topic)
    } catch (thrown) {
      if (this.#create || !(thrown instanceof BusbarError && thrown.code === 'TOPIC_MISSING')) throw thrown
      return undefined
    }
  }

  async #ensure({ name, like, partitions, config }: OwnTopic): Promise<number> {
    try {
      return await this.#transport.partitions(name)
    } catch (thrown) {
      if (!(this.#create && thrown instanceof BusbarError && thrown.code === 'TOPIC_MISSING')) throw thrown
    }
    const count = like === undefined ? partitions : await this.#transport.partitions(like)
    try {
      await this.#transport.ensureTopics([
        {
          name,
          create: true,
          ...(count === undefined ? {} : { partitions: count }),
          config: { ...this.#sizeOf(like), ...config },
        },
      ])
    } catch (thrown) {
      // Another instance was faster, and chose otherwise.
      if (!(thrown instanceof BusbarError && thrown.code === 'TOPIC_MISMATCH')) throw thrown
    }
    return this.#transport.partitions(name)
  }

  #sizeOf(like: string | undefined): TopicConfig {
    const bytes = Number(like !== undefined && this.#configOf(like)?.['max.message.bytes'])
    return bytes > 0 ? { 'max.message.bytes': String(bytes + reasonBytes) } : {}
  }
}
