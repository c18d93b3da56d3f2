import type { BatchCollector } from './batch-collector.js'
import { type Envelope, positionId, readEnvelope } from './envelope.js'
import { BusbarError } from './error.js'
import type { Logger } from './logger.js'
import type { Runtime } from './runtime.js'
import type { BoundSubscription } from './subscription.js'
import type { Delivery, InboundRecord, Outcome } from './transport.js'

/** How long a failed record waits before it comes again: doubled at each attempt, from `delayMs` up to `maxDelayMs`. */
export interface RedeliveryOptions {
  /** Before the second attempt, in milliseconds. Default: 100. */
  readonly delayMs?: number
  /** At most, in milliseconds. Default: 30,000. */
  readonly maxDelayMs?: number
}

export interface ConsumerOptions {
  readonly runtime: Runtime
  readonly logger: Logger
  readonly redelivery: Required<RedeliveryOptions>
}

interface Failure {
  readonly subscription: BoundSubscription
  readonly thrown: unknown
}

const ack: Outcome = { kind: 'ack' }

/**
 * The consume path of one group: from a delivery to the subscriptions that want it, and from their results to its
 * outcome. A record is acknowledged when every one of them has finished; one that failed is handed back, and when it
 * comes again only those run that had not finished.
 */
export class Consumer {
  readonly #options: ConsumerOptions
  readonly #byTopic = new Map<string, BoundSubscription[]>()
  /** Records that come again, with the subscriptions that are through with them. */
  readonly #finished = new WeakMap<InboundRecord, Set<BoundSubscription>>()
  readonly #warnedTopics = new Set<string>()

  constructor(options: ConsumerOptions) {
    this.#options = options
  }

  get topics(): readonly string[] {
    return [...this.#byTopic.keys()]
  }

  get subscriptions(): readonly BoundSubscription[] {
    return [...this.#byTopic.values()].flat()
  }

  add(subscription: BoundSubscription): void {
    const topic = subscription.contract.topic.name
    this.#byTopic.set(topic, [...(this.#byTopic.get(topic) ?? []), subscription])
  }

  remove(subscription: BoundSubscription): void {
    const topic = subscription.contract.topic.name
    const left = (this.#byTopic.get(topic) ?? []).filter(each => each !== subscription)
    if (left.length > 0) this.#byTopic.set(topic, left)
    else this.#byTopic.delete(topic)
  }

  /** Handles one delivery; never rejects. */
  handle = async (delivery: Delivery, ends: readonly AbortSignal[], collector?: BatchCollector): Promise<Outcome> => {
    const { record } = delivery
    // Its subscription was closed, or closed and made anew as another kind: nobody here may say that it is finished.
    const candidates = this.#byTopic.get(record.topic) ?? []
    if (candidates.length === 0 || candidates.some(each => (each.batch === undefined) !== (collector === undefined))) {
      return { kind: 'nack', untried: true, delayMs: this.#options.redelivery.delayMs }
    }
    let envelope: Envelope | undefined
    let unreadable: BusbarError | undefined
    try {
      envelope = readEnvelope(record)
    } catch (thrown) {
      unreadable = BusbarError.from(thrown, 'ENVELOPE_INVALID', `reading the envelope of ${positionId(record)}`)
    }
    const wanting = this.#wanting(record, envelope, unreadable)
    if (wanting.length === 0) return ack
    const failed: Failure[] = []
    const run = async (subscription: BoundSubscription): Promise<void> => {
      try {
        await subscription.run(delivery, envelope, unreadable, ends, collector)
        if (wanting.length > 1) this.#remember(record, subscription)
      } catch (thrown) {
        failed.push({ subscription, thrown })
      }
    }
    const [only] = wanting
    if (wanting.length === 1 && only) await run(only)
    else await Promise.all(wanting.map(run))
    return failed.length === 0 ? ack : this.#handBack(delivery, envelope, failed, ends)
  }

  #wanting(record: InboundRecord, envelope: Envelope | undefined, unreadable: BusbarError | undefined): readonly BoundSubscription[] {
    const candidates = this.#byTopic.get(record.topic) ?? []
    // Whose event it is can't be told from an envelope that can't be read: it is a failure of each.
    const accepting = unreadable ? candidates : candidates.filter(each => each.accepts(envelope, () => isSoleRequest(candidates, record)))
    if (accepting.length === 0 && candidates.length > 0 && !envelope) this.#warnOfForeign(record)
    const finished = this.#finished.get(record)
    return finished ? accepting.filter(each => !finished.has(each)) : accepting
  }

  #remember(record: InboundRecord, subscription: BoundSubscription): void {
    const finished = this.#finished.get(record) ?? new Set()
    this.#finished.set(record, finished.add(subscription))
  }

  #handBack(
    delivery: Delivery,
    envelope: Envelope | undefined,
    failed: readonly Failure[],
    ends: readonly AbortSignal[],
  ): Outcome {
    const delayMs = this.#delayAfter(delivery.attempt)
    const ended = ends.some(end => end.aborted)
    for (const { subscription, thrown } of failed) {
      const fields = describeDelivery(subscription, delivery, envelope)
      // After its end a handler fails because it was told to stop: that is no failure of its own.
      if (ended) this.#options.logger.debug(fields, 'handed back: the partition moved away or the drain deadline passed')
      else this.#options.logger.error({ ...fields, ...describeError(thrown), redeliveryMs: delayMs }, 'handler failed: the record is handed back')
    }
    return { kind: 'nack', delayMs, cause: failed[0]?.thrown }
  }

  #delayAfter(attempt: number): number {
    const { delayMs, maxDelayMs } = this.#options.redelivery
    const full = Math.min(maxDelayMs, delayMs * 2 ** Math.min(attempt - 1, 30))
    return Math.round(full * (0.75 + this.#options.runtime.random() / 4))
  }

  #warnOfForeign(record: InboundRecord): void {
    if (this.#warnedTopics.has(record.topic)) return
    this.#warnedTopics.add(record.topic)
    this.#options.logger.warn(
      { topic: record.topic, partition: record.partition, offset: record.offset },
      'ignored records without CloudEvents headers: declare an event of this topic with foreign: true to receive them',
    )
  }
}

/** A request of another framework names itself only by its topic and its reply headers. */
function isSoleRequest(candidates: readonly BoundSubscription[], record: InboundRecord): boolean {
  return candidates.length === 1 && Object.hasOwn(record.headers, 'kafka_correlationId')
}

function describeDelivery(subscription: BoundSubscription, delivery: Delivery, envelope: Envelope | undefined): object {
  const { topic, partition, offset } = delivery.record
  const id = envelope?.id ?? positionId(delivery.record)
  const { name, group, contract } = subscription
  return { event: contract.name, id, group, subscription: name, attempt: delivery.attempt, topic, partition, offset }
}

function describeError(thrown: unknown): { code: string; err: unknown } {
  return { code: thrown instanceof BusbarError ? thrown.code : 'HANDLER_FAILED', err: thrown }
}
