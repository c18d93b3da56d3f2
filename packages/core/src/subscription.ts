import { setMaxListeners } from 'node:events'
import type { BatchCollector } from './batch-collector.js'
import { compose } from './compose.js'
import { DeliveryContext } from './context.js'
import type { AnyEvent } from './event.js'
import type { Envelope } from './envelope.js'
import { BusbarError } from './error.js'
import type { Logger } from './logger.js'
import { layersOf, type Middleware } from './middleware.js'
import type { AnyRequest } from './request.js'
import { untilAborted } from './runner.js'
import type { Delivery } from './transport.js'

/** How the innermost part of a subscription is called. */
export type Handle = (context: DeliveryContext) => void | Promise<void>

export interface BatchSettings {
  readonly maxSize: number
  readonly maxWaitMs: number
  readonly collector: (size: number) => BatchCollector
}

export interface BoundSubscriptionOptions {
  readonly name: string
  readonly group: string | false
  readonly contract: AnyEvent | AnyRequest
  /** Asked once, at the first delivery: `use` may be called after `subscribe`, until the bus starts. */
  readonly middleware: () => readonly Middleware[]
  readonly handle: Handle
  /** Deals with a failure, which is then no failure of the delivery. Not asked when the delivery has ended anyway. */
  readonly onFailure?: (context: DeliveryContext, thrown: unknown) => Promise<void>
  readonly batch?: BatchSettings
  readonly logger: Logger
}

/** A subscription as the consume path sees it: its contract, and one function around its decoding and handler. */
export class BoundSubscription {
  readonly name: string
  readonly group: string | false
  readonly contract: AnyEvent | AnyRequest
  readonly batch: BatchSettings | undefined
  readonly #options: BoundSubscriptionOptions
  readonly #end = new AbortController()
  #run: ((context: DeliveryContext) => Promise<void>) | undefined
  #running = 0
  #idle: (() => void)[] = []

  constructor(options: BoundSubscriptionOptions) {
    // Every running delivery may listen to it.
    setMaxListeners(0, this.#end.signal)
    this.name = options.name
    this.group = options.group
    this.contract = options.contract
    this.batch = options.batch
    this.#options = options
  }

  /** Whether a record of the topic with this envelope is for this subscription. */
  accepts(envelope: Envelope | undefined, isRequest: () => boolean): boolean {
    if (envelope) return envelope.type === this.contract.name
    return this.contract.kind === 'event' ? this.contract.foreign : isRequest()
  }

  /** Runs one delivery through middleware, decoding and handler; rejects with whatever they reject with. */
  async run(
    delivery: Delivery,
    envelope: Envelope | undefined,
    unreadable: BusbarError | undefined,
    ends: readonly AbortSignal[],
    collector: BatchCollector | undefined,
  ): Promise<void> {
    const place = { group: this.group, subscription: this.name, event: this.contract.name, logger: this.#options.logger }
    const context = new DeliveryContext(place, delivery, envelope, [...ends, this.#end.signal])
    context.unreadable = unreadable
    context.collector = collector
    this.#run ??= chainOf(this.#options)
    this.#running += 1
    try {
      await this.#run(context)
    } catch (thrown) {
      if (!this.#options.onFailure || context.ended) throw thrown
      await this.#options.onFailure(context, thrown)
    } finally {
      context.release()
      this.#running -= 1
      if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve()
    }
  }

  /** Resolves when nothing of it runs; when `deadline` aborts first, the contexts of what still runs abort as well. */
  async finish(deadline: AbortSignal): Promise<void> {
    if (this.#running === 0) return
    await untilAborted(new Promise(resolve => this.#idle.push(resolve)), deadline)
    if (this.#running > 0) this.#end.abort(deadline.reason)
  }
}

/** Record layers, decoding, event layers, handler: from the outside to the inside. */
function chainOf(options: BoundSubscriptionOptions): (context: DeliveryContext) => Promise<void> {
  const middleware = options.middleware()
  const inner = compose<DeliveryContext>(layersOf('event', middleware), options.handle)
  return compose<DeliveryContext>(layersOf('record', middleware), async context => {
    context.payload = await decode(options.contract, context)
    return inner(context)
  })
}

async function decode(contract: AnyEvent | AnyRequest, context: DeliveryContext): Promise<unknown> {
  if (context.unreadable) throw context.unreadable
  const { value } = context.record
  const doing = () => `decoding ${contract.name} ${context.id} of ${context.topic}/${context.partition}@${context.offset}`
  if (value === null) throw new BusbarError('DECODE_FAILED', `${doing()}: the record has no value (a tombstone)`)
  try {
    return await contract.codec.decode(value)
  } catch (thrown) {
    if (thrown instanceof BusbarError) {
      throw new BusbarError(thrown.code, `${doing()}: ${thrown.message}`, { cause: thrown, retryable: thrown.retryable })
    }
    throw BusbarError.from(thrown, 'DECODE_FAILED', doing())
  }
}
