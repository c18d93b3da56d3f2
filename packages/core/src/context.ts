import type { BatchCollector } from './batch-collector.js'
import { ContextValues } from './context-values.js'
import { correlationField } from './correlation.js'
import type { DeliveryEffects } from './delivery-effects.js'
import { type Envelope, positionId } from './envelope.js'
import type { BusbarError } from './error.js'
import { MessageHeaders } from './headers.js'
import type { Logger } from './logger.js'
import type { ManyReplies } from './many-replies.js'
import type { OwnTopic } from './own-topic.js'
import { type Origin, originOf } from './return-headers.js'
import type { DeliverySlot } from './runner.js'
import type { Runtime } from './runtime.js'
import type { InboundRecord, OutboundRecord, RefusedEffects } from './transport.js'

/** What a record-phase middleware knows of the delivery that it surrounds. */
export interface RecordContext {
  /** The id of the event (`ce_id`); `topic/partition@offset` for a record without one. */
  readonly id: string
  /** The name of the event or request; of a record between two operators with a state that of its topic. */
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
  /** The bus's logger with event, id, group, subscription and attempt, and with the correlation id that the record carries. */
  readonly logger: Logger
  /** Values that middleware hands to what runs inside it. */
  readonly values: ContextValues
  /** The record as it came. */
  readonly record: InboundRecord
  /** Where the record was published first: elsewhere if it came back by a retry topic. */
  readonly origin: Origin
  readonly runtime: Runtime
  /**
   * Sends records of middleware's own: retries, dead letters. Makes sure of their topic first. In a transactional group
   * they are stored together with the acknowledgement instead.
   */
  readonly forward: Forward
  /** How often the transport has refused for good what the acknowledgement of this record brought with it: in a transactional group. */
  readonly refusals: number
  /**
   * Waits without taking up room: the key waits, and other keys run in its place. Rejects when the delivery ends, or the
   * subscription is being closed; then let the rejection pass, and the record is handed back.
   */
  wait(delayMs: number): Promise<void>
  /** As {@link wait}, until `go` is called; `register` returns what withdraws it. */
  waitFor(register: (go: () => void) => () => void): Promise<void>
  /** Counts the attempt on, with a signal of its own: for what runs the inside again. */
  nextAttempt(): void
  /** Aborts {@link signal} for a reason of this attempt's own, such as a time limit. */
  abort(reason: unknown): void
  /** Whether this delivery has ended, so that a failure is not its own: the partition moved away, or the bus is closing. */
  readonly ended: boolean
  /** What became of the delivery, if not just `done`; what sets it says so with {@link conclude}. */
  readonly conclusion: Conclusion
  /** Says that it was skipped, and why. */
  conclude(conclusion: 'skipped', reason: SkipReason): void
  /** `error`: the failure that led to it. */
  conclude(conclusion: Exclude<Conclusion, 'skipped'>, error?: unknown): void
}

/** Why a delivery needed no handling: handled before; not let through by a filter; a request whose requester waits no more. */
export type SkipReason = 'duplicate' | 'filtered' | 'expired'

/** What becomes of a delivery to a subscription that does not fail. */
export type Conclusion =
  /** Its handler has run. */
  | 'done'
  /** It needed no handling: a duplicate, filtered out, or a request that has expired. */
  | 'skipped'
  /** It failed for good and stands in the dead-letter topic. */
  | 'dead-lettered'
  /** It failed and stands in a retry topic. */
  | 'rescheduled'

/**
 * Sends one record after making sure of its topic, one of the bus's own; resolves when it is stored, or, in a transactional
 * group, when it is sure to be stored together with the acknowledgement.
 */
export type Forward = (topic: OwnTopic, record: Omit<OutboundRecord, 'topic'>) => Promise<void>

/** Runs something within an asynchronous context. */
type Scope = <R>(run: () => R) => R

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
  /** Whether it is sent now; false where `bus.encode` or an exactly-once pipe makes a record that is stored later. */
  readonly isSentNow: boolean
  /** The bus's logger. */
  readonly logger: Logger
  readonly runtime: Runtime
}

/** What a middleware around a request knows of it. */
export interface RequestContext<Payload = unknown> {
  /** The name of the request. */
  readonly event: string
  readonly topic: string
  readonly payload: Payload
  /** How long the caller waits, in milliseconds. */
  readonly timeoutMs: number
  /** Of `bus.requestMany`: how many answers it is for, and after `next()` what came. Undefined of `bus.request`, which has one. */
  readonly many: ManyReplies | undefined
  readonly runtime: Runtime
}

/** What a middleware around the handler of a batch knows of it. */
export interface BatchContext {
  readonly event: string
  readonly group: string | false
  readonly subscription: string
  readonly topic: string
  readonly partition: number
  /** The records that the handler gets, in the order of the log. */
  readonly records: readonly EventContext[]
}

/** How a delivery reached its subscriptions. */
export interface Arrival {
  /** 1 for a record that is handled the first time. */
  readonly attempt: number
  readonly envelope: Envelope | undefined
  /** Why the envelope can't be read. */
  readonly unreadable: BusbarError | undefined
  readonly slot: DeliverySlot
  readonly collector: BatchCollector | undefined
  readonly refused?: RefusedEffects | undefined
}

/** What the contexts of a subscription have in common. */
export interface DeliveryPlace {
  readonly group: string | false
  readonly subscription: string
  readonly event: string
  readonly logger: Logger
  readonly runtime: Runtime
  readonly forward: Forward
  /** Where the group is transactional. */
  readonly effects?: DeliveryEffects | undefined
  /** Aborts when the subscription is being closed: what only waits gives up then. */
  readonly closing: AbortSignal
}

/** The context of one delivery to one subscription. What costs anything is made when it is first asked for. */
export class DeliveryContext implements EventContext {
  readonly group: string | false
  readonly subscription: string
  readonly record: InboundRecord
  readonly runtime: Runtime
  /** Tracing puts a span around it. */
  forward: Forward
  /** What its acknowledgement will bring with it; undefined where its group is not transactional. */
  readonly effects: DeliveryEffects | undefined
  /** Why what its last acknowledgement brought was refused; decoding fails with it. */
  readonly refused: BusbarError | undefined
  readonly refusals: number
  /** Counted on by what retries in place. */
  attempt: number
  conclusion: Conclusion = 'done'
  /** The failure that led to the conclusion. */
  failure: unknown
  skipReason: SkipReason | undefined
  /** What the handler's completion is remembered with: the encoded reply of a request. */
  result: Uint8Array | undefined
  /** Answers a duplicate with the result of its first delivery. */
  replay: ((context: DeliveryContext, result: Uint8Array) => Promise<void>) | undefined
  /** What a failure is remembered with, if it is an answer: a declared error to a request. */
  resultOf: ((thrown: unknown) => Promise<Uint8Array> | undefined) | undefined
  /** Called when the handler of a batch gets this record. */
  onStart: (() => void) | undefined
  /** Runs something as if inside of the handler's asynchronous context: what {@link addScope} made of it. */
  scope: Scope | undefined
  /** Set between the record phase and the event phase. */
  payload: unknown
  /** Why the envelope cannot be read; decoding fails with it. */
  readonly unreadable: BusbarError | undefined
  /** The batch that the handler of a batch subscription gets this record with. */
  readonly collector: BatchCollector | undefined
  readonly #envelope: Envelope | undefined
  readonly #event: string
  readonly #logger: Logger
  readonly #slot: DeliverySlot
  /** Signals that end it: its partition's, the drain deadline's, and its subscription's. */
  readonly #ends: readonly AbortSignal[]
  readonly #closing: AbortSignal
  #headers: MessageHeaders | undefined
  #linked: AbortController | undefined
  #values: ContextValues | undefined
  #child: Logger | undefined
  #onEnd: ((event: Event) => void) | undefined
  #isReleased = false

  constructor(place: DeliveryPlace, record: InboundRecord, arrival: Arrival, end: AbortSignal) {
    this.group = place.group
    this.subscription = place.subscription
    this.#event = place.event
    this.#logger = place.logger
    this.record = record
    this.attempt = arrival.attempt
    this.unreadable = arrival.unreadable
    this.collector = arrival.collector
    this.#envelope = arrival.envelope
    this.#slot = arrival.slot
    this.#ends = [...arrival.slot.ends, end]
    this.#closing = place.closing
    this.runtime = place.runtime
    this.forward = place.forward
    this.effects = place.effects
    this.refused = arrival.refused?.error
    this.refusals = arrival.refused?.times ?? 0
  }

  get id(): string {
    return this.#envelope?.id ?? positionId(this.origin)
  }
  get origin(): Origin {
    return originOf(this.record)
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
  wait(delayMs: number): Promise<void> {
    return this.waitFor(go => {
      const timer = this.runtime.setTimer(delayMs, go)
      return () => timer.cancel()
    })
  }
  async waitFor(register: (go: () => void) => () => void): Promise<void> {
    const signals = [...this.#ends, this.#slot.draining, this.#closing]
    const aborted = signals.find(signal => signal.aborted)
    if (aborted) throw aborted.reason
    const waited = new Promise<void>((resolve, reject) => {
      const stopListening = () => {
        for (const signal of signals) signal.removeEventListener('abort', onAbort)
      }
      const onAbort = (event: Event) => {
        cancel()
        stopListening()
        reject((event.target as AbortSignal).reason as Error)
      }
      for (const signal of signals) signal.addEventListener('abort', onAbort, { once: true })
      const cancel = register(() => {
        stopListening()
        resolve()
      })
    })
    // Last: others start in its place at once, and must come behind it where they wait for the same.
    this.#slot.leave()
    try {
      await waited
    } finally {
      await this.#slot.enter()
    }
    // Room may have come long after the wait was over.
    const late = signals.find(signal => signal.aborted)
    if (late) throw late.reason
  }
  conclude(conclusion: Conclusion, why?: unknown): void {
    this.conclusion = conclusion
    const isSkipped = conclusion === 'skipped'
    this.skipReason = isSkipped ? (why as SkipReason) : undefined
    this.failure = isSkipped ? undefined : why
  }
  /** Makes an asynchronous context a part of the handler's, inside of those that were added before. */
  addScope(inner: Scope): void {
    const outer = this.scope
    this.scope = outer ? run => outer(() => inner(run)) : inner
  }
  nextAttempt(): void {
    this.release()
    this.#isReleased = false
    this.attempt += 1
    this.scope = undefined
    this.#linked = undefined
    this.#onEnd = undefined
    this.#child = undefined
  }
  abort(reason: unknown): void {
    void this.signal
    this.#linked?.abort(reason)
  }
  get ended(): boolean {
    return this.#slot.draining.aborted || this.#closing.aborted || this.#ends.some(end => end.aborted)
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
      ...correlationField(this.record.headers),
    })
    return this.#child
  }
}
