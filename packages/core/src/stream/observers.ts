import { compose, type NamedLayer } from '../compose.js'
import type { DeliveryReport } from '../consume.js'
import { DeliveryContext, type Forward, type PublishContext } from '../context.js'
import { ContextValues } from '../context-values.js'
import { DeliveryEffects, mergedEffects } from '../delivery-effects.js'
import { type Envelope, eventIdOf, idHeader } from '../envelope.js'
import { BusbarError } from '../error.js'
import type { Logger } from '../logger.js'
import { layersOf, type Middleware } from '../middleware.js'
import type { OwnTopic } from '../own-topic.js'
import { attemptsBefore } from '../return-headers.js'
import type { DeliverySlot } from '../runner.js'
import type { Runtime } from '../runtime.js'
import type { Delivery, Effects, InboundRecord, OutboundRecord } from '../transport.js'
import { subscriptionOfGroup } from './failed-record.js'
import type { Topology } from './topology.js'

export interface ObserversOptions {
  readonly topology: Topology
  /** That of the bus; only what observes is used. */
  readonly middleware: readonly Middleware[]
  readonly runtime: Runtime
  readonly logger: Logger
  readonly ensureOwnTopic: (topic: OwnTopic) => Promise<unknown>
  /** Who is told of each delivery, once; undefined where nobody is, and no report need be made. */
  readonly onDelivery: () => ((report: DeliveryReport) => void) | undefined
}

/** What a record that an operator sends is about. */
export interface OutgoingRecord {
  /** The record that it comes from. */
  readonly origin: InboundRecord
  readonly event: string
  readonly payload: unknown
}

/** When the ownership ends within which a record is processed, and when it is to stop. */
export interface ProcessingEnds {
  readonly ended: AbortSignal
  readonly stopping: AbortSignal
}

/**
 * Those who look on as a group processes records with a state: middleware that observes, and listeners of deliveries. Where
 * there are none, a record has no context, and pays nothing.
 */
export class Observers {
  readonly #options: ObserversOptions
  readonly #layers: Readonly<Record<'record' | 'attempt', readonly NamedLayer<DeliveryContext>[]>>
  readonly #publish: readonly NamedLayer<PublishContext>[]
  readonly #hasLayers: boolean

  constructor(options: ObserversOptions) {
    const observing = options.middleware.filter(({ observes }) => observes)
    this.#options = options
    this.#layers = { record: layersOf('record', observing), attempt: layersOf('attempt', observing) }
    this.#publish = layersOf('publish', observing)
    this.#hasLayers = this.#layers.record.length + this.#layers.attempt.length > 0
  }

  /**
   * The context of a record, which was published as `published`; undefined where nobody looks on, or where the record is for
   * no operator. `attempt`: where it begins to count; default: behind those that the record has had elsewhere.
   */
  contextOf(
    delivery: Delivery,
    published: InboundRecord,
    ends: ProcessingEnds,
    attempt = attemptsBefore(delivery.record) + delivery.attempt,
  ): DeliveryContext | undefined {
    if (!this.#hasLayers && !this.#options.onDelivery()) return undefined
    let event: string | undefined
    try {
      for (const source of this.#options.topology.sources) {
        if (source.topic !== published.topic) continue
        event ??= source.event
        const envelope = source.envelopeOf(published)
        if (envelope) return this.#makeContext(delivery, source.event, envelope, attempt, ends)
      }
      return undefined
    } catch {
      // The operators fail with it as well.
      return this.#makeContext(delivery, event as string, undefined, attempt, ends)
    }
  }

  /**
   * Does something inside of the layers of a phase. What it gives is what it gave, whatever a layer has made of that; a layer that
   * throws fails it.
   */
  async around<T>(
    phase: 'record' | 'attempt',
    context: DeliveryContext | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    const layers = this.#layers[phase]
    if (!context || layers.length === 0) return work()
    let working: Promise<T> | undefined
    await compose(layers, async () => {
      working = work()
      await working
    })(context)
    if (working) return working
    throw new BusbarError(
      'MIDDLEWARE_MISUSED',
      `a middleware that observes kept ${context.event} ${context.id} from its operators: call "await next()", or leave out "observes"`,
    )
  }

  /** What its acknowledgement brings with it: besides what it led to, what observers have forwarded. */
  effectsOf(context: DeliveryContext | undefined, own: Effects): Effects {
    const forwarded = context?.effects?.of(context.conclusion)
    return forwarded ? (mergedEffects([own, forwarded]) as Effects) : own
  }

  /** Tells what became of a record: what its context says, unless it was handed back. */
  tell(context: DeliveryContext | undefined, handedBack?: { readonly error: unknown }): void {
    const tell = context && this.#options.onDelivery()
    if (!tell) return
    const { event, id, subscription, topic, partition, offset, attempt, origin } = context
    const error = handedBack ? handedBack.error : context.failure
    // Written out: properties that follow a spread cost microseconds.
    const report: DeliveryReport = {
      event,
      id,
      group: this.#options.topology.group,
      subscription,
      topic,
      partition,
      offset,
      attempt,
      timestampMs: origin.timestampMs,
      outcome: handedBack ? 'handed back' : context.conclusion,
    }
    tell(error === undefined ? report : { ...report, error })
  }

  /** A record that an operator sends, with what layers around publishing add to its headers. */
  outgoing(record: OutboundRecord, about: OutgoingRecord): OutboundRecord | Promise<OutboundRecord> {
    return this.#publish.length === 0 ? record : this.#published(record, about)
  }

  async #published(record: OutboundRecord, about: OutgoingRecord): Promise<OutboundRecord> {
    const { runtime, logger } = this.#options
    const { origin, event, payload } = about
    // A record without an id of its own has that of the event that it comes from: what it leads to, later, has that for a cause.
    const headers: Record<string, string | Uint8Array> = { [idHeader]: eventIdOf(origin), ...record.headers }
    const context: PublishContext = {
      kind: 'event',
      id: headers[idHeader] as string,
      event,
      topic: record.topic,
      payload,
      headers,
      values: new ContextValues(),
      isSentNow: false,
      logger,
      runtime,
    }
    await compose(this.#publish, () => {})(context)
    return { ...record, headers }
  }

  #makeContext(
    delivery: Delivery,
    event: string,
    envelope: Envelope | undefined,
    attempt: number,
    { ended, stopping }: ProcessingEnds,
  ): DeliveryContext {
    const { topology, logger, runtime, ensureOwnTopic } = this.#options
    const { group } = topology
    const effects = new DeliveryEffects()
    const forward: Forward = async (topic, record) => {
      await ensureOwnTopic(topic)
      effects.forward({ ...record, topic: topic.name })
    }
    const subscription = subscriptionOfGroup(group)
    const place = { group, subscription, event, logger, runtime, forward, effects, closing: stopping }
    const slot: DeliverySlot = { ...alone, ends: [], draining: stopping }
    const arrival = { attempt, envelope, unreadable: undefined, slot, collector: undefined }
    return new DeliveryContext(place, delivery.record, { ...arrival, refused: delivery.refused }, ended)
  }
}

/** The records of a partition are processed one by one: none runs in the place of one that waits. */
const alone = {
  enlist: () => {},
  retire: () => {},
  leave: () => {},
  enter: () => undefined,
} satisfies Partial<DeliverySlot>
