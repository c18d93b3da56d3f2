import { setMaxListeners } from 'node:events'
import type { BatchCollector } from './batch-collector.js'
import type { Codec } from './codec.js'
import type { Codecs } from './codecs.js'
import { compose } from './compose.js'
import { type Arrival, type Conclusion, DeliveryContext, type Forward } from './context.js'
import { dataSchemaOf, type Envelope } from './envelope.js'
import { BusbarError } from './error.js'
import type { AnyEvent } from './event.js'
import type { Logger } from './logger.js'
import { inOrder, layersOf, type Middleware } from './middleware.js'
import type { AnyRequest } from './request.js'
import { groupOf, subscriptionOf } from './return-headers.js'
import { untilAborted } from './runner.js'
import type { Runtime } from './runtime.js'
import type { Delivery, InboundRecord } from './transport.js'

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
}

/** A subscription as the consume path sees it: its contract, and one function around its decoding and handler. */
export class BoundSubscription {
  readonly name: string
  readonly group: string | false
  readonly contract: AnyEvent | AnyRequest
  readonly batch: BatchSettings | undefined
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
    const { logger, runtime, forward, onFailure, replay, resultOf } = this.#options
    const { signal: closing } = this.#closing
    const place = { group, subscription, event: contract.name, logger, runtime, forward, closing }
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
    const { conclusion: outcome, attempt, failure: error } = context
    return error === undefined ? { outcome, attempt } : { outcome, attempt, error }
  }

  /** See {@link Codecs.prepareToHandle}. */
  prepare(): Promise<void> {
    return this.#options.codecs.prepareToHandle(this.contract)
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

/** What became of a delivery that did not fail, and at which attempt. */
export interface Concluded {
  readonly outcome: Conclusion
  readonly attempt: number
  /** The failure that led to it. */
  readonly error?: unknown
}

/** Record layers, decoding, event layers, handler: from the outside to the inside. */
function chainOf(options: BoundSubscriptionOptions): (context: DeliveryContext) => Promise<void> {
  const middleware = inOrder(options.middleware(), `subscription ${options.name}`)
  const codec = options.codecs.payload(options.contract)
  const inner = compose<DeliveryContext>(layersOf('event', middleware), options.handle)
  return compose<DeliveryContext>(layersOf('record', middleware), async context => {
    context.payload = await decode(options.contract.name, codec, context)
    return inner(context)
  })
}

async function decode(
  name: string,
  codec: Codec<never, unknown>,
  context: DeliveryContext,
): Promise<unknown> {
  if (context.unreadable) throw context.unreadable
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
