import { BusbarError } from './error.js'
import type { Transport } from './transport.js'

/** A topic of the bus's own: replies, retries, dead letters. */
export interface OwnTopic {
  readonly name: string
  /** When it has to be created: with as many partitions as this topic. */
  readonly like?: string
  /** When it has to be created, and there is no `like`. Default: the transport's. */
  readonly partitions?: number
  readonly config?: Readonly<Record<string, string>>
}

/** Makes sure, once for each, of topics of the bus's own. One that exists is used as it is, whatever its settings. */
export class OwnTopics {
  readonly #transport: Transport
  readonly #create: boolean
  readonly #ensured = new Map<string, Promise<number>>()

  constructor(transport: Transport, create: boolean) {
    this.#transport = transport
    this.#create = create
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

  async #ensure({ name, like, partitions, config }: OwnTopic): Promise<number> {
    try {
      return await this.#transport.partitions(name)
    } catch (thrown) {
      if (!(this.#create && thrown instanceof BusbarError && thrown.code === 'TOPIC_MISSING')) throw thrown
    }
    const count = like === undefined ? partitions : await this.#transport.partitions(like)
    try {
      await this.#transport.ensureTopics([
        { name, create: true, ...(count === undefined ? {} : { partitions: count }), ...(config ? { config } : {}) },
      ])
    } catch (thrown) {
      // Another instance was faster, and chose otherwise.
      if (!(thrown instanceof BusbarError && thrown.code === 'TOPIC_MISMATCH')) throw thrown
    }
    return this.#transport.partitions(name)
  }
}
