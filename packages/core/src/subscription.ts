import { setMaxListeners } from 'node:events'
import type { BatchCollector } from './batch-collector.js'
import type { Codec } from './codec.js'
import type { Codecs } from './codecs.js'
import { compose } from './compose.js'
import { type Arrival, type Conclusion, DeliveryContext, type Forward, type SkipReason } from './context.js'
import { DeliveryEffects } from './delivery-effects.js'
import { dataSchemaOf, type Envelope } from './envelope.js'
import { BusbarError } from './error.js'
import type { AnyEvent } from './event.js'
import type { Logger } from './logger.js'
import { inOrder, layersOf, type Middleware } from './middleware.js'
import type { OwnTopic } from './own-topic.js'
import type { AnyRequest } from './request.js'
import { groupOf, subscriptionOf } from './return-headers.js'
import { untilAborted } from './runner.js'
import type { Runtime } from './runtime.js'
import type { Delivery, Effects, InboundRecord } from './transport.js'

/** How the innermost part of a subscription is called. */
type Handle = (context: DeliveryContext) => void | Promise<void>

export interface BatchSettings {
  readonly maxSize: number
  readonly maxWaitMs: number
  readonly collector: (size: number) => BatchCollector
}

export interface BoundSubscriptionOptions {
  readonly name: string
  readonly group: string | false
  readonly contract: AnyEvent | AnyRequest
  readonly codecs: Codecs
  /** Asked once, at the first delivery: `use` may be called after `subscribe`, until the bus starts. */
  readonly middleware: () => readonly Middleware[]
  readonly handle: Handle
  /** Deals with a failure, which is then no failure of the delivery. Not asked when the delivery has ended anyway. */
  readonly onFailure?: (context: DeliveryContext, thrown: unknown) => Promise<void>
  /** Answers a duplicate with the result that its first delivery was completed with. */
  readonly replay?: (context: DeliveryContext, result: Uint8Array) => Promise<void>
  /** What a failure is completed with, if it is an answer like any other. */
  readonly resultOf?: (thrown: unknown) => Promise<Uint8Array> | undefined
  readonly batch?: BatchSettings
  readonly logger: Logger
  readonly runtime: Runtime
  readonly forward: Forward
  /** Whether acknowledgements carry what the handler and middleware write: all subscriptions of the group do, or none. Default: false. */
  readonly transactional?: boolean
  /** Makes sure of a topic of the bus's own that effects are written to. */
  readonly ensureOwnTopic: (topic: OwnTopic) => Promise<unknown>
  /** Makes sure of what the handler needs besides: where it publishes to. */
  readonly prepare?: () => Promise<unknown>
}

/** A subscription as the consume path sees it: its contract, and one function around its decoding and handler. */
export class BoundSubscription {
  readonly name: string
  readonly group: string | false
  readonly contract: AnyEvent | AnyRequest
  readonly batch: BatchSettings | undefined
  readonly transactional: boolean
  readonly #options: BoundSubscriptionOptions
  readonly #end = new AbortController()
  readonly #closing = new AbortController()
  #run: ((context: DeliveryContext) => Promise<void>) | undefined
  #running = 0
  #idle: (() => void)[] = []

  constructor(options: BoundSubscriptionOptions) {
    // Every running delivery may listen to it.
    setMaxListeners(0, this.#end.signal)
    setMaxListeners(0, this.#closing.signal)
    this.name = options.name
    this.group = options.group
    this.contract = options.contract
    this.batch = options.batch
    this.transactional = options.transactional ?? false
    this.#options = options
  }

  /** Whether it is being closed while others of its group go on. */
  get isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  /** Topics by which records come back to this subscription, after retries or a redrive. */
  get returnTopics(): readonly string[] {
    const { group } = this
    if (group === false) return []
    const topic = this.contract.topic.name
    return this.#options.middleware().flatMap(each => each.returnTopics?.(topic, group) ?? [])
  }

  /** Whether a record is of its topic, or comes back to this very subscription. */
  isFor(record: InboundRecord): boolean {
    return (
      record.topic === this.contract.topic.name ||
      (subscriptionOf(record) === this.name && groupOf(record) === this.group)
    )
  }

  /** Whether a record with this envelope is an event of this subscription. */
  accepts(envelope: Envelope | undefined, isRequest: () => boolean): boolean {
    if (envelope) return envelope.type === this.contract.name
    return this.contract.kind === 'event' ? this.contract.foreign : isRequest()
  }

  /** Runs one delivery through middleware, decoding and handler; rejects with whatever they reject with. */
  async run(delivery: Delivery, arrival: Arrival): Promise<Concluded> {
    const { group, name: subscription, contract } = this
    const { logger, runtime, onFailure, replay, resultOf } = this.#options
    const { signal: closing } = this.#closing
    const effects = this.transactional ? new DeliveryEffects() : undefined
    const forward = effects ? this.#forwardWith(effects) : this.#options.forward
    const place = { group, subscription, event: contract.name, logger, runtime, forward, effects, closing }
    const context = new DeliveryContext(place, delivery.record, arrival, this.#end.signal)
    context.replay = replay
    context.resultOf = resultOf
    this.#run ??= chainOf(this.#options)
    this.#running += 1
    try {
      await this.#run(context)
    } catch (thrown) {
      const { ends, draining } = arrival.slot
      // What gave up waiting because the bus closes is for another instance.
      const gaveUp = [draining, closing].some(signal => signal.aborted && thrown === signal.reason)
      if (!onFailure || ends.some(end => end.aborted) || gaveUp) throw thrown
      await (context.scope ? context.scope(() => onFailure(context, thrown)) : onFailure(context, thrown))
    } finally {
      context.release()
      this.#running -= 1
      if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve()
    }
    const { conclusion: outcome, attempt, failure: error, skipReason } = context
    const report = {
      outcome,
      attempt,
      ...(error === undefined ? undefined : { error }),
      ...(skipReason && { skipReason }),
    }
    return { report, effects: effects?.of(outcome) }
  }

  /** Makes sure of the schemas and topics that its handler needs. */
  async prepare(): Promise<void> {
    await Promise.all([this.#options.codecs.prepareToHandle(this.contract), this.#options.prepare?.()])
  }

  /** What middleware writes is stored with the acknowledgement, so that neither is there without the other. */
  #forwardWith(effects: DeliveryEffects): Forward {
    return async (topic, record) => {
      await this.#options.ensureOwnTopic(topic)
      effects.forward({ ...record, topic: topic.name })
    }
  }

  /** Refuses middleware in a wrong order. @throws BusbarError `CONFIG_INVALID` */
  check(): void {
    this.#run ??= chainOf(this.#options)
  }

  /** Resolves when nothing of it runs; when `deadline` aborts first, the contexts of what still runs abort as well. */
  async finish(deadline: AbortSignal): Promise<void> {
    this.#closing.abort(new BusbarError('ABORTED', `subscription ${this.name} is being closed`))
    if (this.#running === 0) return
    await untilAborted(new Promise(resolve => this.#idle.push(resolve)), deadline)
    if (this.#running > 0) this.#end.abort(deadline.reason)
  }
}

/** A delivery that did not fail. */
export interface Concluded {
  readonly report: ConclusionReport
  /** What its acknowledgement brings with it. */
  readonly effects: Effects | undefined
}

/** What became of it, and at which attempt. */
interface ConclusionReport {
  readonly outcome: Conclusion
  readonly attempt: number
  /** The failure that led to it. */
  readonly error?: unknown
  readonly skipReason?: SkipReason
}

/** Record layers, attempt layers, decoding, event layers, handler: from the outside to the inside. */
function chainOf(options: BoundSubscriptionOptions): (context: DeliveryContext) => Promise<void> {
  const middleware = inOrder(options.middleware(), `subscription ${options.name}`)
  if (options.transactional) refuseMarks(middleware, options.name)
  const codec = options.codecs.payload(options.contract)
  const inner = compose<DeliveryContext>(layersOf('event', middleware), options.handle)
  const attempt = async (context: DeliveryContext) => {
    // A new attempt: what the one before would have written counts no more.
    context.effects?.begin()
    context.payload = await decode(options.contract.name, codec, context)
    return inner(context)
  }
  const attempts = layersOf('attempt', middleware)
  // Each function around a record costs: none where none is asked for.
  return compose(layersOf('record', middleware), attempts.length > 0 ? compose(attempts, attempt) : attempt)
}

/** A mark of completion is not part of the transaction: where that fails, what comes again would be taken for a duplicate. */
function refuseMarks(middleware: readonly Middleware[], subscription: string): void {
  const marking = middleware.find(each => each.stage === 'idempotent')
  if (!marking) return
  throw new BusbarError(
    'CONFIG_INVALID',
    `subscription ${subscription} is transactional, and middleware "${marking.name}" would lose what a failed transaction did not store: leave it out, each record counts once without it`,
  )
}

function refusedError(name: string, { id }: DeliveryContext, cause: BusbarError): BusbarError {
  const message = `what handling ${name} ${id} led to can't be stored: ${cause.message}`
  return new BusbarError(cause.code, message, { cause, retryable: cause.retryable })
}

async function decode(
  name: string,
  codec: Codec<never, unknown>,
  context: DeliveryContext,
): Promise<unknown> {
  if (context.unreadable) throw context.unreadable
  if (context.refused) throw refusedError(name, context, context.refused)
  const { value } = context.record
  const doing = () =>
    `decoding ${name} ${context.id} of ${context.topic}/${context.partition}@${context.offset}`
  if (value === null)
    throw new BusbarError('DECODE_FAILED', `${doing()}: the record has no value (a tombstone)`)
  try {
    return await codec.decode(value, dataSchemaOf(context.headers))
  } catch (thrown) {
    if (thrown instanceof BusbarError) {
      throw new BusbarError(thrown.code, `${doing()}: ${thrown.message}`, {
        cause: thrown,
        retryable: thrown.retryable,
      })
    }
    throw BusbarError.from(thrown, 'DECODE_FAILED', doing())
  }
}
