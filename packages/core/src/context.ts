import type { BatchCollector } from './batch-collector.js'
import { ContextValues } from './context-values.js'
import { type Envelope, positionId } from './envelope.js'
import type { BusbarError } from './error.js'
import { MessageHeaders } from './headers.js'
import type { Logger } from './logger.js'
import type { Delivery, InboundRecord } from './transport.js'

/** What a record-phase middleware knows of the delivery that it surrounds. */
export interface RecordContext {
  /** The id of the event (`ce_id`); `topic/partition@offset` for a record without one. */
  readonly id: string
  /** The name of the event or request. */
  readonly event: string
  /** The bus that published it; empty for a record without CloudEvents headers. */
  readonly source: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** The partition key as text; null for a record without one. */
  readonly key: string | null
  readonly headers: MessageHeaders
  /** When it was published, in milliseconds since the epoch. */
  readonly timestampMs: number
  /** 1 on the first delivery, one more on each that follows a failure. */
  readonly attempt: number
  /** The consumer group; false for a broadcast subscription. */
  readonly group: string | false
  /** The name of the subscription. */
  readonly subscription: string
  /** Aborts when the result no longer counts: the partition moved away, or the drain deadline passed. */
  readonly signal: AbortSignal
  /** The bus's logger with event, id, group, subscription and attempt. */
  readonly logger: Logger
  /** Values that middleware hands to what runs inside it. */
  readonly values: ContextValues
  /** The record as it came. */
  readonly record: InboundRecord
}

/** What an event-phase middleware and a handler know: the delivery and its decoded payload. */
export interface EventContext<Payload = unknown> extends RecordContext {
  readonly payload: Payload
}

/** What a publish middleware knows of what is being published; it may add headers. */
export interface PublishContext<Payload = unknown> {
  readonly kind: 'event' | 'request' | 'reply'
  readonly id: string
  readonly event: string
  readonly topic: string
  readonly payload: Payload
  /** The headers of the record: those of the user, to which middleware may add. */
  readonly headers: Record<string, string | Uint8Array>
  readonly values: ContextValues
}

/** The context of one delivery to one subscription. What costs anything is made when it is first asked for. */
export class DeliveryContext implements EventContext {
  readonly group: string | false
  readonly subscription: string
  readonly record: InboundRecord
  readonly attempt: number
  /** Set between the record phase and the event phase. */
  payload: unknown
  /** Why the envelope cannot be read; decoding fails with it. */
  unreadable: BusbarError | undefined
  /** The batch that the handler of a batch subscription gets this record with. */
  collector: BatchCollector | undefined
  readonly #envelope: Envelope | undefined
  readonly #event: string
  readonly #logger: Logger
  readonly #ends: readonly AbortSignal[]
  #headers: MessageHeaders | undefined
  #linked: AbortController | undefined
  #values: ContextValues | undefined
  #child: Logger | undefined
  #onEnd: ((event: Event) => void) | undefined
  #isReleased = false

  constructor(
    place: { readonly group: string | false; readonly subscription: string; readonly event: string; readonly logger: Logger },
    delivery: Delivery,
    envelope: Envelope | undefined,
    /** Signals that end a delivery: its partition's, and the drain deadline's. */
    ends: readonly AbortSignal[],
  ) {
    this.group = place.group
    this.subscription = place.subscription
    this.#event = place.event
    this.#logger = place.logger
    this.record = delivery.record
    this.attempt = delivery.attempt
    this.#envelope = envelope
    this.#ends = ends
  }

  get id(): string {
    return this.#envelope?.id ?? positionId(this.record)
  }
  get event(): string {
    return this.#event
  }
  get source(): string {
    return this.#envelope?.source ?? ''
  }
  get topic(): string {
    return this.record.topic
  }
  get partition(): number {
    return this.record.partition
  }
  get offset(): number {
    return this.record.offset
  }
  get key(): string | null {
    return this.record.key === null ? null : Buffer.from(this.record.key).toString()
  }
  get timestampMs(): number {
    return this.record.timestampMs
  }
  get headers(): MessageHeaders {
    this.#headers ??= new MessageHeaders(this.record.headers)
    return this.#headers
  }
  get signal(): AbortSignal {
    if (this.#linked) return this.#linked.signal
    const linked = new AbortController()
    const onEnd = (event: Event) => linked.abort((event.target as AbortSignal).reason)
    for (const end of this.#ends) {
      if (end.aborted) linked.abort(end.reason)
      // A handler that keeps its context and asks later: the delivery is over, nothing would let go of the listener.
      else if (!this.#isReleased) end.addEventListener('abort', onEnd, { once: true })
    }
    this.#linked = linked
    this.#onEnd = onEnd
    return linked.signal
  }
  /** Whether the result no longer counts. */
  get ended(): boolean {
    return this.#ends.some(end => end.aborted)
  }
  /** Lets go of the partition's signals, which live longer than this delivery. */
  release(): void {
    this.#isReleased = true
    if (this.#onEnd) for (const end of this.#ends) end.removeEventListener('abort', this.#onEnd)
  }
  get values(): ContextValues {
    this.#values ??= new ContextValues()
    return this.#values
  }
  get logger(): Logger {
    this.#child ??= this.#logger.child({
      event: this.event,
      id: this.id,
      group: this.group,
      subscription: this.subscription,
      attempt: this.attempt,
    })
    return this.#child
  }
}
