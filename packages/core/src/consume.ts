import type { BatchCollector } from './batch-collector.js'
import type { Arrival, Conclusion, SkipReason } from './context.js'
import { correlationField } from './correlation.js'
import { mergedEffects } from './delivery-effects.js'
import { type Envelope, positionId, readEnvelope } from './envelope.js'
import { BusbarError, codeOf } from './error.js'
import type { Problems } from './health.js'
import type { Logger } from './logger.js'
import type { PartitionProgress } from './partition-progress.js'
import { attemptsBefore, dueAtOf, groupOf, originOf, subscriptionOf } from './return-headers.js'
import type { DeliverySlot } from './runner.js'
import type { Runtime } from './runtime.js'
import type { BoundSubscription } from './subscription.js'
import type { Delivery, Effects, InboundRecord, Outcome } from './transport.js'

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
  readonly problems: Problems
  /** What this instance does with a partition that it holds; undefined where nobody asks. */
  readonly progressOf: (topic: string, partition: number) => PartitionProgress | undefined
  /** Who is told of each delivery to a subscription, once; undefined where nobody is, and no report need be made. */
  readonly onDelivery?: () => ((report: DeliveryReport) => void) | undefined
}

/** What became of one delivery to one subscription. */
export interface DeliveryReport {
  /** The name of the event; of a record between two operators with a state the name of its topic. */
  readonly event: string
  readonly id: string
  readonly group: string | false
  /** The name of the subscription; `<group>/streams` for all operators with a state of a group. */
  readonly subscription: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly attempt: number
  /** When its record was published first, in milliseconds since the epoch. */
  readonly timestampMs: number
  readonly outcome: Conclusion | 'handed back'
  /** Why it was skipped. */
  readonly skipReason?: SkipReason
  /** Why it was handed back, rescheduled or dead-lettered. */
  readonly error?: unknown
}

const ack: Outcome = { kind: 'ack' }

/**
 * The consume path of one group: from a delivery to the subscriptions that want it, and from their results to its
 * outcome. A record is acknowledged when every one of them has finished; one that failed is handed back, and when it
 * comes again only those run that had not finished.
 */
export class Consumer {
  readonly #options: ConsumerOptions
  readonly #subscriptions = new Set<BoundSubscription>()
  readonly #byTopic = new Map<string, BoundSubscription[]>()
  /** Records that come again, with the subscriptions that are through with them, and what these will bring to the acknowledgement. */
  readonly #finished = new WeakMap<InboundRecord, Map<BoundSubscription, Effects | undefined>>()
  readonly #warnedTopics = new Set<string>()

  constructor(options: ConsumerOptions) {
    this.#options = options
  }

  get subscriptions(): readonly BoundSubscription[] {
    return [...this.#subscriptions]
  }

  add(subscription: BoundSubscription): void {
    this.#subscriptions.add(subscription)
    this.#index()
  }

  remove(subscription: BoundSubscription): void {
    this.#subscriptions.delete(subscription)
    this.#index()
  }

  /** To be called when their middleware has become final, and before records come. */
  freeze(): void {
    for (const subscription of this.#subscriptions) subscription.check()
    this.#index()
  }

  /** Finds subscriptions by their topics and by those by which records come back, which middleware decides on. */
  #index(): void {
    this.#byTopic.clear()
    for (const subscription of this.#subscriptions) {
      for (const topic of [subscription.contract.topic.name, ...subscription.returnTopics]) {
        this.#byTopic.set(topic, [...(this.#byTopic.get(topic) ?? []), subscription])
      }
    }
  }

  /** Handles one delivery; never rejects. */
  handle = async (delivery: Delivery, slot: DeliverySlot, collector?: BatchCollector): Promise<Outcome> => {
    const { record } = delivery
    const { progressOf, runtime } = this.#options
    const progress = progressOf(record.topic, record.partition)
    const startMs = runtime.now()
    const dueAtMs = dueAtOf(record)
    if (dueAtMs > startMs) {
      progress?.waitUntil(dueAtMs)
      return { kind: 'nack', untried: true, delayMs: dueAtMs - startMs }
    }
    // Its subscription was closed, or closed and made anew as another kind: nobody here may say that it is finished.
    const candidates = this.#byTopic.get(record.topic) ?? []
    if (
      candidates.length === 0 ||
      candidates.some(each => (each.batch === undefined) !== (collector === undefined))
    ) {
      return { kind: 'nack', untried: true, delayMs: this.#options.redelivery.delayMs }
    }
    const attempt = attemptsBefore(record) + delivery.attempt
    const { envelope, unreadable } = read(record)
    const before = this.#finished.get(record)
    // Of those that were through with it before it was handed back.
    const kept = before ? [...before.values()].filter(each => each !== undefined) : []
    const wanting = this.#wanting(record, envelope, unreadable)
    if (wanting === 'stray') {
      return { kind: 'nack', untried: true, delayMs: this.#options.redelivery.maxDelayMs }
    }
    progress?.begin(startMs)
    if (wanting.length === 0) {
      progress?.end(startMs, true)
      return acknowledged(kept)
    }
    // Tried again in the same ownership it may be stored after all: only the first delivery fails with what was refused before.
    const refused = delivery.attempt === 1 ? delivery.refused : undefined
    const arrival: Arrival = { attempt, envelope, unreadable, slot, collector, refused }
    const [only] = wanting
    const outcome =
      wanting.length === 1 && only
        ? withEffects(await this.#run(only, delivery, arrival, false), kept)
        : await this.#runAll(wanting, delivery, arrival, kept)
    progress?.end(runtime.now(), outcome.kind === 'ack')
    return outcome
  }

  /** Acknowledges when all of them are through with the record. */
  async #runAll(
    subscriptions: readonly BoundSubscription[],
    delivery: Delivery,
    arrival: Arrival,
    kept: readonly Effects[],
  ): Promise<Outcome> {
    arrival.slot.enlist(subscriptions.length)
    const outcomes = await Promise.all(subscriptions.map(each => this.#run(each, delivery, arrival, true)))
    const nack = outcomes.find(({ kind }) => kind === 'nack')
    return nack ?? outcomes.reduce((all, each) => withEffects(each, effectsOf(all)), acknowledged(kept))
  }

  /** Acknowledges when the subscription is through with the record, else hands it back. */
  async #run(
    subscription: BoundSubscription,
    delivery: Delivery,
    arrival: Arrival,
    remember: boolean,
  ): Promise<Outcome> {
    try {
      const { report, effects } = await subscription.run(delivery, arrival)
      const end = arrival.slot.ends.find(each => each.aborted)
      // It has finished, but its settlement counts no more: it comes again.
      if (end) return this.#handBack(subscription, delivery, arrival, end.reason)
      if (remember) this.#remember(delivery.record, subscription, effects)
      this.#options.problems.clear(() => placeOf(subscription, delivery))
      this.#tell(subscription, delivery, arrival, report)
      return effects ? { kind: 'ack', effects } : ack
    } catch (thrown) {
      return this.#handBack(subscription, delivery, arrival, thrown)
    } finally {
      arrival.slot.retire()
    }
  }

  #wanting(
    record: InboundRecord,
    envelope: Envelope | undefined,
    unreadable: BusbarError | undefined,
  ): readonly BoundSubscription[] | 'stray' {
    const candidates = this.#byTopic.get(record.topic) ?? []
    // Whose event it is can't be told from an envelope that can't be read: it is a failure of each.
    const accepting = candidates.filter(
      each =>
        each.isFor(record) && (unreadable ?? each.accepts(envelope, () => isSoleRequest(candidates, record))),
    )
    if (accepting.length === 0 && candidates.length > 0) {
      // Somebody counts on it: it failed before, and was retried or replayed. Another instance may have its subscription.
      const isStray = originOf(record) !== record && groupOf(record) === candidates[0]?.group
      if (isStray) this.#warnOfStray(record, envelope)
      else this.#warnOfIgnored(record, envelope)
      if (isStray) return 'stray'
    }
    const finished = this.#finished.get(record)
    return finished ? accepting.filter(each => !finished.has(each)) : accepting
  }

  #remember(record: InboundRecord, subscription: BoundSubscription, effects: Effects | undefined): void {
    const finished = this.#finished.get(record) ?? new Map<BoundSubscription, Effects | undefined>()
    this.#finished.set(record, finished.set(subscription, effects))
  }

  #handBack(subscription: BoundSubscription, delivery: Delivery, arrival: Arrival, thrown: unknown): Outcome {
    const { slot } = arrival
    const fields = describeDelivery(subscription, delivery, arrival)
    this.#tell(subscription, delivery, arrival, {
      outcome: 'handed back',
      attempt: arrival.attempt,
      error: thrown,
    })
    if (slot.draining.aborted || subscription.isClosing || slot.ends.some(end => end.aborted)) {
      this.#options.problems.clear(() => placeOf(subscription, delivery))
      // After its end a handler fails because it was told to stop: that is no failure of its own.
      this.#options.logger.debug(fields, 'handed back: the partition moved away or the bus is closing')
      return { kind: 'nack', cause: thrown }
    }
    if (thrown instanceof BusbarError && thrown.code === 'DEAD_LETTER_FAILED') {
      const { group } = subscription
      this.#options.problems.raise({
        kind: 'record',
        what: placeOf(subscription, delivery),
        reason: thrown.message,
        ...(group !== false && { group }),
        topic: delivery.record.topic,
        partition: delivery.record.partition,
      })
    }
    const delayMs = this.#delayAfter(delivery.attempt)
    this.#options.logger.error(
      { ...fields, ...describeError(thrown), redeliveryMs: delayMs },
      'handler failed: the record is handed back',
    )
    return { kind: 'nack', delayMs, cause: thrown }
  }

  /** Tells what became of a delivery, if anybody listens. */
  #tell(
    subscription: BoundSubscription,
    delivery: Delivery,
    arrival: Arrival,
    conclusion: Pick<DeliveryReport, 'outcome' | 'attempt' | 'error' | 'skipReason'>,
  ): void {
    const tell = this.#options.onDelivery?.()
    if (!tell) return
    const { topic, partition, offset } = delivery.record
    const { outcome, attempt } = conclusion
    // Written out: properties that follow a spread cost microseconds, and this is made for every delivery.
    const report: DeliveryReport = {
      event: subscription.contract.name,
      id: arrival.envelope?.id ?? positionId(delivery.record),
      group: subscription.group,
      subscription: subscription.name,
      topic,
      partition,
      offset,
      attempt,
      timestampMs: originOf(delivery.record).timestampMs,
      outcome,
    }
    tell('error' in conclusion || 'skipReason' in conclusion ? { ...report, ...conclusion } : report)
  }

  #delayAfter(attempt: number): number {
    const { delayMs, maxDelayMs } = this.#options.redelivery
    const full = Math.min(maxDelayMs, delayMs * 2 ** Math.min(attempt - 1, 30))
    return Math.round(full * (0.75 + this.#options.runtime.random() / 4))
  }

  #warnOfStray(record: InboundRecord, envelope: Envelope | undefined): void {
    const { topic, partition, offset } = record
    const subscription = subscriptionOf(record)
    const place = { topic, partition, offset, id: envelope?.id, group: groupOf(record), subscription }
    this.#options.logger.warn(
      { ...place, ...correlationField(record.headers) },
      'a record came back to a subscription that is not here: it waits, give the subscription its name again or discard it',
    )
  }

  #warnOfIgnored(record: InboundRecord, envelope: Envelope | undefined): void {
    const { topic, partition, offset } = record
    if (envelope || this.#warnedTopics.has(topic)) return
    this.#warnedTopics.add(topic)
    this.#options.logger.warn(
      { topic, partition, offset },
      'ignored records without CloudEvents headers: declare an event of this topic with foreign: true to receive them',
    )
  }
}

const effectsOf = (outcome: Outcome): readonly Effects[] =>
  outcome.kind === 'ack' && outcome.effects ? [outcome.effects] : []

function acknowledged(parts: readonly Effects[]): Outcome {
  const effects = mergedEffects(parts)
  return effects ? { kind: 'ack', effects } : ack
}

/** The outcome; if it is an acknowledgement, with these effects before its own. */
function withEffects(outcome: Outcome, before: readonly Effects[]): Outcome {
  return before.length === 0 || outcome.kind === 'nack'
    ? outcome
    : acknowledged([...before, ...effectsOf(outcome)])
}

function read(record: InboundRecord): {
  envelope: Envelope | undefined
  unreadable: BusbarError | undefined
} {
  try {
    return { envelope: readEnvelope(record), unreadable: undefined }
  } catch (thrown) {
    return {
      envelope: undefined,
      unreadable: BusbarError.from(
        thrown,
        'ENVELOPE_INVALID',
        `reading the envelope of ${positionId(record)}`,
      ),
    }
  }
}

/** A request of another framework names itself only by its topic and its reply headers. */
function isSoleRequest(candidates: readonly BoundSubscription[], record: InboundRecord): boolean {
  return candidates.length === 1 && Object.hasOwn(record.headers, 'kafka_correlationId')
}

function describeDelivery(
  { name: subscription, group, contract }: BoundSubscription,
  { record }: Delivery,
  { envelope, attempt }: Arrival,
): object {
  const { topic, partition, offset } = record
  const id = envelope?.id ?? positionId(record)
  const fields = { event: contract.name, id, group, subscription, attempt, topic, partition, offset }
  return { ...fields, ...correlationField(record.headers) }
}

function describeError(thrown: unknown): { code: string; err: unknown } {
  return { code: codeOf(thrown, 'HANDLER_FAILED'), err: thrown }
}

/** A record of a subscription, as health names it. */
function placeOf(subscription: BoundSubscription, { record }: Delivery): string {
  return `record ${positionId(record)} of subscription ${subscription.name}`
}
