import { BusbarError } from './error.js'
import { MessageHeaders } from './headers.js'
import type { Logger } from './logger.js'
import type { OwnTopics } from './own-topic.js'
import { replyHeader } from './reply-headers.js'
import type { Runtime } from './runtime.js'
import type { InboundRecord, Transport, TransportReader } from './transport.js'

/** Where this bus receives replies. */
export interface InboxAddress {
  readonly topic: string
  readonly partition: number
}

export interface ReplyInboxOptions {
  readonly topic: string
  readonly ownTopics: OwnTopics
  readonly transport: Transport
  readonly runtime: Runtime
  readonly logger: Logger
}

/** Partitions of a reply topic that has to be created: how many requesting instances have one of their own. */
const replyPartitions = 12
/** A reply is of use for as long as its requester waits. */
const replyRetentionMs = 3_600_000

/**
 * Replies to this bus: one partition of the shared reply topic, read without a group, so that it is ready at once and
 * no rebalance ever stops it. Several instances may share a partition: correlation ids tell their replies apart.
 */
export class ReplyInbox {
  readonly #options: ReplyInboxOptions
  readonly #waiting = new Map<string, (reply: InboundRecord) => void>()
  #opening: Promise<InboxAddress> | undefined
  #reader: TransportReader | undefined

  constructor(options: ReplyInboxOptions) {
    this.#options = options
  }

  /** Requests that wait for a reply. */
  get pending(): number {
    return this.#waiting.size
  }

  /** The address to put into a request. Opens the inbox the first time, or again after it was lost. */
  open(): Promise<InboxAddress> {
    this.#opening ??= this.#open().catch(thrown => {
      this.#opening = undefined
      throw thrown
    })
    return this.#opening
  }

  /** Calls back for each reply with this correlation id, until the returned function is called. */
  expect(correlationId: string, onReply: (reply: InboundRecord) => void): () => void {
    this.#waiting.set(correlationId, onReply)
    return () => void this.#waiting.delete(correlationId)
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => {})
    await this.#reader?.[Symbol.asyncDispose]()
  }

  async #open(): Promise<InboxAddress> {
    const { transport, ownTopics, topic, runtime, logger } = this.#options
    if (!transport.capabilities.read) {
      throw new BusbarError(
        'CAPABILITY_MISSING',
        `request/reply needs a transport that can read without a group; ${transport.name} cannot`,
      )
    }
    const config = { 'retention.ms': String(replyRetentionMs) }
    const partitions = await ownTopics.ensure({ name: topic, partitions: replyPartitions, config })
    const partition = Math.floor(runtime.random() * partitions)
    const reader = await transport.read({ topic, partitions: [partition], from: 'latest' }, records =>
      this.#receive(records),
    )
    this.#reader = reader
    reader.closed.catch((thrown: unknown) => {
      logger.error({ err: thrown, topic, partition }, 'reply inbox was lost; the next request opens it again')
      this.#opening = undefined
    })
    return { topic, partition }
  }

  #receive(records: readonly InboundRecord[]): void {
    for (const record of records) {
      const bytes = new MessageHeaders(record.headers).bytes(replyHeader.correlationId)
      // Replies to other instances of this partition, and late ones, belong to nobody here.
      if (bytes) this.#waiting.get(Buffer.from(bytes).toString('latin1'))?.(record)
    }
  }
}
