import type { Observable } from 'rxjs'
import { BatchCollector } from './batch-collector.js'
import { batchHandle, type BatchHandler } from './batch.js'
import { type BusOptions, type BusSettings, busSettings, positive, type SubscribeBatchOptions, type SubscribeOptions } from './bus-options.js'
import { type BusEvent, logBusEvent } from './bus-event.js'
import type { EventContext } from './context.js'
import { BusbarError, reasonOf } from './error.js'
import { type AnyEvent, type EventDefinition, requireName } from './event.js'
import type { GroupConsumer } from './group-consumer.js'
import { Groups } from './groups.js'
import { Lifecycle } from './lifecycle.js'
import { type Middleware, type MiddlewareLike, middlewareOf } from './middleware.js'
import { Publisher, type PublishOptions, type PublishReceipt } from './publish.js'
import { ReplyInbox } from './reply-inbox.js'
import { failureResponder, responder } from './reply.js'
import { type RequestCallOptions, Requester, type RequestManyOptions, type RequestOutcome } from './requester.js'
import type { AnyRequest, RequestDefinition } from './request.js'
import { drainWithin, untilAborted } from './runner.js'
import { BoundSubscription, type BoundSubscriptionOptions } from './subscription.js'
import { TopicRegistry } from './topic-registry.js'

/** Handles one event. The record is acknowledged when it returns, or when the promise that it returns resolves. */
export type Handler<Payload> = (payload: Payload, context: EventContext<Payload>) => unknown

/** Answers one request with what it returns; throwing answers with the error. */
export type ReplyHandler<Payload, Reply> = (payload: Payload, context: EventContext<Payload>) => Reply | Promise<Reply>

/** A subscription that was made; close it to end it before the bus. */
export interface Subscription extends AsyncDisposable {
  readonly name: string
  readonly group: string | false
  /** Resolves when it can receive: with the bus's start, or soon after being added to a running bus. */
  readonly ready: Promise<void>
  /** Ends it: what it runs finishes within `timeoutMs` (default 10,000), positions are committed. */
  close(options?: CloseOptions): Promise<void>
}

export interface CloseOptions {
  /** How long handlers may go on, in milliseconds; then their signals abort and their records are handed back. Default: 10,000. */
  readonly timeoutMs?: number
}

/**
 * Makes a bus. Subscribe, then {@link Bus.start} it.
 * @throws BusbarError `CONFIG_INVALID` naming the option that is wrong.
 */
export function createBus(options: BusOptions): Bus {
  return new Bus(busSettings(options))
}

/** A typed event bus over one transport. Made by {@link createBus}. */
export class Bus implements AsyncDisposable {
  readonly name: string
  readonly #settings: BusSettings
  readonly #lifecycle: Lifecycle
  readonly #topics: TopicRegistry
  readonly #groups: Groups
  readonly #publisher: Publisher
  readonly #inbox: ReplyInbox
  readonly #requester: Requester
  readonly #middleware: Middleware[] = []
  readonly #listeners = new Set<(event: BusEvent) => void>()

  /** Use {@link createBus}. */
  constructor(settings: BusSettings) {
    const { name, transport, runtime, logger } = settings
    this.name = name
    this.#settings = settings
    this.#topics = new TopicRegistry(transport, settings.createTopics, runtime)
    this.#groups = new Groups(settings, this.#topics)
    this.#lifecycle = new Lifecycle({
      name,
      runtime,
      logger,
      connect: signal => transport.connect({ clientId: name, logger, runtime, signal, onEvent: this.#emit }),
      join: async () => void (await Promise.all(this.#groups.all.map(group => group.join()))),
      leave: async () => void (await Promise.allSettled(this.#groups.all.map(group => group.leave()))),
      drain: deadline => this.#drain(deadline),
      release: () => {
        // Also when draining was given up.
        this.#closeRequests()
        return transport[Symbol.asyncDispose]()
      },
    })
    const { gate } = this.#lifecycle
    this.#publisher = new Publisher({ source: name, transport, topics: this.#topics, runtime, gate, middleware: () => this.#middleware })
    this.#inbox = new ReplyInbox({ topic: settings.replyTopic, create: settings.createTopics, transport, runtime, logger })
    this.#requester = new Requester({
      publisher: this.#publisher,
      inbox: this.#inbox,
      runtime,
      gate,
      timeoutMs: settings.requestTimeoutMs,
      maxPending: settings.maxPending,
    })
  }

  /**
   * Adds middleware around every publish and every handler of this bus, outermost first.
   * @throws BusbarError `CONFIG_INVALID` once the bus has started.
   */
  use(...middleware: readonly MiddlewareLike[]): this {
    if (this.#lifecycle.started) throw new BusbarError('CONFIG_INVALID', `bus ${this.name}: call use() before start()`)
    this.#middleware.push(...middleware.map(each => middlewareOf(each, `bus ${this.name}, use()`)))
    return this
  }

  /**
   * Publishes an event; resolves when the transport has stored it, not when handlers ran. Before the start it waits
   * until the bus is connected.
   * Rejects with `PAYLOAD_INVALID`, `BUS_CLOSED`, or what the transport reports.
   */
  async publish<Out, In>(event: EventDefinition<Out, In>, payload: NoInfer<In>, options?: PublishOptions): Promise<PublishReceipt> {
    requireContract('event', event, 'publish')
    return this.#publisher.publish(event, payload, options)
  }

  /**
   * Publishes many payloads of one event, in order. Nothing is sent unless all of them can be encoded; when the broker
   * refuses some, rejects with `PUBLISH_PARTIAL`, whose `failures` say which.
   */
  async publishBatch<Out, In>(
    event: EventDefinition<Out, In>,
    payloads: readonly NoInfer<In>[],
    options: Omit<PublishOptions, 'id'> = {},
  ): Promise<readonly PublishReceipt[]> {
    requireContract('event', event, 'publishBatch')
    return this.#publisher.publishBatch(event, payloads, options)
  }

  /**
   * Handles an event. A handler that throws has its record handed back: it comes again after a growing delay, and
   * meanwhile holds back only its own key.
   * @throws BusbarError `CONFIG_INVALID`, for example when a group already has a handler of this event and no `name` is given.
   */
  subscribe<Out, In>(event: EventDefinition<Out, In>, handler: Handler<NoInfer<Out>>): Subscription
  subscribe<Out, In>(event: EventDefinition<Out, In>, options: SubscribeOptions, handler: Handler<NoInfer<Out>>): Subscription
  subscribe<Out, In>(event: EventDefinition<Out, In>, ...rest: [Handler<Out>] | [SubscribeOptions, Handler<Out>]): Subscription {
    const [options, handler] = withOptions<SubscribeOptions, Handler<Out>>(rest)
    requireContract('event', event, 'subscribe')
    requireHandler(handler, `subscribe to ${event.name}`)
    return this.#subscribe(event, options, { handle: async context => void (await handler(context.payload as Out, context as EventContext<Out>)) })
  }

  /**
   * Handles an event in batches of one partition. Every record has its own outcome: `item.fail(error)` hands back that
   * one; a handler that throws fails all that it has not marked with `done()`.
   */
  subscribeBatch<Out, In>(event: EventDefinition<Out, In>, handler: BatchHandler<NoInfer<Out>>): Subscription
  subscribeBatch<Out, In>(event: EventDefinition<Out, In>, options: SubscribeBatchOptions, handler: BatchHandler<NoInfer<Out>>): Subscription
  subscribeBatch<Out, In>(
    event: EventDefinition<Out, In>,
    ...rest: [BatchHandler<Out>] | [SubscribeBatchOptions, BatchHandler<Out>]
  ): Subscription {
    const [options, handler] = withOptions<SubscribeBatchOptions, BatchHandler<Out>>(rest)
    requireContract('event', event, 'subscribeBatch')
    requireHandler(handler, `subscribe to batches of ${event.name}`)
    return this.#subscribe(event, options, {
      handle: context => context.collector?.join(context),
      batch: {
        maxSize: positive('maxSize', options.maxSize ?? 100),
        maxWaitMs: positive('maxWaitMs', options.maxWaitMs ?? 50),
        collector: size => new BatchCollector(size, batchHandle(handler as BatchHandler<unknown>)),
      },
    })
  }

  /**
   * Answers a request. What the handler returns is the reply; an error that the request declares arrives as itself, any
   * other as `REMOTE_FAILED`. A failed request is answered and not retried.
   */
  reply<In, Out, ReplyIn, ReplyOut>(
    request: RequestDefinition<In, Out, ReplyIn, ReplyOut>,
    handler: ReplyHandler<Out, NoInfer<ReplyIn>>,
  ): Subscription
  reply<In, Out, ReplyIn, ReplyOut>(
    request: RequestDefinition<In, Out, ReplyIn, ReplyOut>,
    options: SubscribeOptions,
    handler: ReplyHandler<Out, NoInfer<ReplyIn>>,
  ): Subscription
  reply<In, Out, ReplyIn, ReplyOut>(
    request: RequestDefinition<In, Out, ReplyIn, ReplyOut>,
    ...rest: [ReplyHandler<Out, ReplyIn>] | [SubscribeOptions, ReplyHandler<Out, ReplyIn>]
  ): Subscription {
    const [options, handler] = withOptions<SubscribeOptions, ReplyHandler<Out, ReplyIn>>(rest)
    requireContract('request', request, 'reply')
    requireHandler(handler, `reply to ${request.name}`)
    const answering = {
      request: request,
      handler: handler as (payload: unknown, context: EventContext) => unknown,
      publisher: this.#publisher,
      runtime: this.#settings.runtime,
    }
    return this.#subscribe(request, options, { handle: responder(answering), onFailure: failureResponder(answering) })
  }

  /**
   * Sends a request and resolves with its reply.
   * Rejects with an error that the request declares, `REMOTE_FAILED`, `REQUEST_TIMEOUT`, `ABORTED`, or what publishing
   * rejects with.
   */
  async request<In, Out, ReplyIn, ReplyOut>(
    request: RequestDefinition<In, Out, ReplyIn, ReplyOut>,
    payload: NoInfer<In>,
    options: RequestCallOptions = {},
  ): Promise<ReplyOut> {
    requireContract('request', request, 'request')
    return (await this.#requester.request(request, payload, options)) as ReplyOut
  }

  /**
   * Sends a request to every group that answers it, once for each subscriber of the Observable, and emits each outcome as
   * it comes. Completes after `count` replies or when the time is over.
   */
  requestMany<In, Out, ReplyIn, ReplyOut>(
    request: RequestDefinition<In, Out, ReplyIn, ReplyOut>,
    payload: NoInfer<In>,
    options: RequestManyOptions = {},
  ): Observable<RequestOutcome<ReplyOut>> {
    requireContract('request', request, 'requestMany')
    return this.#requester.requestMany(request, payload, options) as Observable<RequestOutcome<ReplyOut>>
  }

  /** Calls back for what happens without a caller: rebalances, lost positions, consumers that died. Returns what ends it. */
  onEvent(listener: (event: BusEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /**
   * Connects, makes sure of the topics of every subscription, and joins their groups: once it resolves, this bus receives.
   * A failed start says why and can be tried again.
   */
  async start(): Promise<void> {
    await this.#lifecycle.start()
  }

  /** Resolves once the bus has started, whoever starts it; rejects with `BUS_CLOSED` when it is closed before. */
  ready(): Promise<void> {
    return this.#lifecycle.ready
  }

  /**
   * Stops receiving, lets running handlers finish until the deadline, commits, leaves, sends what was published, and
   * releases the transport. Calling it again waits for the same end.
   */
  close(options: CloseOptions = {}): Promise<void> {
    return this.#lifecycle.close(options.timeoutMs ?? defaultCloseMs)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #subscribe(
    contract: AnyEvent | AnyRequest,
    options: SubscribeOptions,
    inner: Pick<BoundSubscriptionOptions, 'handle' | 'onFailure' | 'batch'>,
  ): Subscription {
    this.#lifecycle.refuseIfClosing(`subscribe to ${contract.name}`)
    const group = options.group ?? this.name
    if (group !== false) requireName(`subscribing to ${contract.name}, option "group"`, group)
    if (options.name !== undefined) requireName(`subscribing to ${contract.name}, option "name"`, options.name)
    const name = options.name ?? `${group === false ? 'broadcast' : group}/${contract.name}`
    const own = (options.use ?? []).map(each => subscriptionMiddleware(each, name))
    const bound = new BoundSubscription({
      ...inner,
      name,
      group,
      contract,
      logger: this.#settings.logger,
      middleware: () => [...this.#middleware, ...own],
    })
    this.#topics.declare(contract.topic)
    const consumer = this.#groups.add(bound, options)
    const ready = this.#lifecycle.started ? this.#joinLater(consumer, name) : this.#lifecycle.ready
    let closed: Promise<void> | undefined
    const close = ({ timeoutMs = defaultCloseMs }: CloseOptions = {}) => {
      closed ??= drainWithin(this.#settings, timeoutMs, `subscription ${name}`, deadline => this.#groups.remove(bound, deadline))
      return closed
    }
    return { name, group, ready, close, [Symbol.asyncDispose]: () => close() }
  }

  /** Joins a group of a bus that runs, or soon will; whoever does not look at `ready` finds a failure in the log. */
  #joinLater(consumer: GroupConsumer, subscription: string): Promise<void> {
    const joined = this.#lifecycle.ready.then(() => consumer.join())
    joined.catch((thrown: unknown) => {
      if (thrown instanceof BusbarError && thrown.code === 'BUS_CLOSED') return
      this.#settings.logger.error({ err: thrown, subscription }, 'subscription cannot receive')
    })
    return joined
  }

  async #drain(deadline: AbortSignal): Promise<void> {
    const left = await this.#groups.close(deadline)
    for (const each of left) if (each.status === 'rejected') this.#settings.logger.warn({ err: each.reason as unknown }, 'a group could not be left cleanly')
    // Requests need no reply any more. The transport knows only of what has come to it: the rest is waited for here.
    this.#closeRequests()
    if (this.#lifecycle.connected) await untilAborted(this.#publisher.settled(), deadline)
    await this.#inbox.close()
  }

  #closeRequests(): void {
    this.#requester.close(new BusbarError('BUS_CLOSED', `bus ${this.name} was closed while the request waited for its reply`))
  }

  readonly #emit = (event: BusEvent): void => {
    logBusEvent(this.#settings.logger, event)
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (thrown) {
        this.#settings.logger.error({ err: thrown }, `a listener of bus events threw: ${reasonOf(thrown)}`)
      }
    }
  }
}

const defaultCloseMs = 10_000

function withOptions<Options extends object, Fn>(rest: readonly [Fn] | readonly [Options, Fn]): readonly [Options, Fn] {
  return rest.length === 2 ? rest : [{} as Options, rest[0]]
}

function requireContract(kind: 'event' | 'request', given: { readonly kind?: unknown } | undefined, doing: string): void {
  if (given?.kind === kind) return
  const make = kind === 'event' ? 'defineEvent' : 'defineRequest'
  throw new BusbarError('EVENT_UNKNOWN', `${doing}: the first argument is no ${kind} definition: make one with ${make}(name)`)
}

function requireHandler(handler: unknown, doing: string): void {
  if (typeof handler !== 'function') throw new BusbarError('CONFIG_INVALID', `${doing}: the last argument must be the handler function`)
}

function subscriptionMiddleware(given: MiddlewareLike, subscription: string): Middleware {
  const middleware = middlewareOf(given, `subscription ${subscription}, option "use"`)
  if (!middleware.publish) return middleware
  throw new BusbarError(
    'CONFIG_INVALID',
    `subscription ${subscription}: middleware "${middleware.name}" surrounds publishes: add it to the bus with bus.use()`,
  )
}
