import type { Observable } from 'rxjs'
import { type BatchHandler, batchHandle } from './batch.js'
import { BatchCollector } from './batch-collector.js'
import { type BusEvent, logBusEvent } from './bus-event.js'
import {
  type BusOptions,
  type BusSettings,
  busSettings,
  type StreamOptions,
  type SubscribeBatchOptions,
  type SubscribeOptions,
} from './bus-options.js'
import { Codecs } from './codecs.js'
import type { DeliveryReport } from './consume.js'
import type { EventContext, Forward } from './context.js'
import { DeadLetters } from './dead-letters.js'
import { Delays } from './delays.js'
import { BusbarError, reasonOf } from './error.js'
import { type AnyEvent, type EventDefinition, type EventPayload, requireName } from './event.js'
import type { GroupConsumer } from './group-consumer.js'
import { Groups } from './groups.js'
import { type BusHealth, type BusState, Problems } from './health.js'
import { type HealthCheck, HealthChecks } from './health-checks.js'
import { type LagReport, LagWatch } from './lag-watch.js'
import { Lifecycle } from './lifecycle.js'
import type { Logger } from './logger.js'
import { deadLetter } from './middleware/dead-letter.js'
import { retry } from './middleware/retry.js'
import { type Middleware, type MiddlewareLike, middlewareOf, withDefault } from './middleware.js'
import { OwnTopics } from './own-topic.js'
import { HeldPartitions } from './partition-progress.js'
import { type EncodeOptions, Publisher, type PublishOptions, type PublishReceipt } from './publish.js'
import type { PublishReport } from './publish-report.js'
import { answerOf, failureResponder, replayer, responder } from './reply.js'
import { ReplyInbox } from './reply-inbox.js'
import type { AnyRequest, RequestDefinition } from './request.js'
import {
  type RequestCallOptions,
  Requester,
  type RequestManyOptions,
  type RequestOutcome,
} from './requester.js'
import { drainWithin, untilAborted } from './runner.js'
import { publishedOf, sendRecords } from './send-records.js'
import type { EventStream } from './stream/event-stream.js'
import { isList, type Output } from './stream/output.js'
import { type PipeOptions, pipeHandle } from './stream/pipe.js'
import type { Received } from './stream/received.js'
import type { RecordPipeline } from './stream/run-pipeline.js'
import { keyBytes } from './stream/state-keys.js'
import { clash, StatefulGroups, type TableOptions } from './stream/stateful-groups.js'
import { type OpenStream, pipelineStream, RecordStream } from './stream/stream-source.js'
import { Streams } from './stream/streams.js'
import type { Table } from './stream/table.js'
import { BoundSubscription, type BoundSubscriptionOptions } from './subscription.js'
import { TopicRegistry } from './topic-registry.js'
import type { OutboundRecord, RecordPosition } from './transport.js'
import { positive } from './validate.js'

/** Handles one event. The record is acknowledged when it returns, or when the promise that it returns resolves. */
export type Handler<Payload> = (payload: Payload, context: EventContext<Payload>) => unknown

/** Answers one request with what it returns; throwing answers with the error. */
export type ReplyHandler<Payload, Reply> = (
  payload: Payload,
  context: EventContext<Payload>,
) => Reply | Promise<Reply>

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
  /** What this bus logs with, for what belongs to it. */
  readonly logger: Logger
  /** The name of its transport: `kafka`, `memory`. */
  readonly transport: string
  readonly #settings: BusSettings
  readonly #lifecycle: Lifecycle
  readonly #topics: TopicRegistry
  readonly #codecs: Codecs
  readonly #ownTopics: OwnTopics
  readonly #problems: Problems
  readonly #held: HeldPartitions
  readonly #lag: LagWatch
  readonly #checks: HealthChecks
  readonly #groups: Groups
  readonly #delays: Delays
  readonly #streams: Streams
  readonly #stateful: StatefulGroups
  readonly #publisher: Publisher
  readonly #inbox: ReplyInbox
  readonly #requester: Requester
  readonly #middleware: Middleware[] = []
  readonly #listeners = new Set<(event: BusEvent) => void>()
  readonly #deliveryListeners = new Set<(report: DeliveryReport) => void>()
  readonly #publishListeners = new Set<(report: PublishReport) => void>()
  readonly #startChecks: (() => void | Promise<void>)[] = []
  readonly #defaultRetry = retry()
  readonly #defaultDeadLetter = deadLetter()

  /** Use {@link createBus}. */
  constructor(settings: BusSettings) {
    const { name, transport, runtime, logger } = settings
    this.name = name
    this.logger = logger
    this.transport = transport.name
    this.#settings = settings
    this.#topics = new TopicRegistry(transport, settings.createTopics, runtime)
    this.#codecs = new Codecs(settings.registry)
    for (const contract of settings.publishes) this.#topics.declare(contract.topic)
    this.#ownTopics = new OwnTopics(transport, settings.createTopics, topic => this.#topics.configOf(topic))
    this.#problems = new Problems(() => runtime.now())
    this.#held = new HeldPartitions(() => runtime.now())
    const { stalledAfterMs } = settings
    this.#lag = new LagWatch({ transport, runtime, held: this.#held, stalledAfterMs })
    this.#checks = new HealthChecks(runtime)
    const report = () => (this.#deliveryListeners.size > 0 ? this.#report : undefined)
    this.#groups = new Groups(settings, this.#topics, this.#ownTopics, report, this.#problems, this.#held)
    this.#lifecycle = new Lifecycle({
      name,
      runtime,
      logger,
      connect: signal => transport.connect({ clientId: name, logger, runtime, signal, onEvent: this.#emit }),
      join: async () => {
        for (const check of this.#startChecks) await check()
        await this.#prepare()
        await Promise.all([
          this.#delays.resume(),
          ...[...this.#groups.all, ...this.#stateful.all].map(group => group.join()),
        ])
      },
      leave: async () =>
        void (await Promise.allSettled(
          [...this.#groups.all, ...this.#stateful.all].map(group => group.leave()),
        )),
      drain: deadline => this.#drain(deadline),
      finish: deadline => this.#finish(deadline),
      release: () => {
        // Also when draining was given up.
        this.#closeRequests()
        return transport[Symbol.asyncDispose]()
      },
    })
    const { gate } = this.#lifecycle
    this.#streams = new Streams((event, options, handler) => this.subscribe(event, options, handler as never))
    this.#stateful = new StatefulGroups({
      name,
      transport,
      runtime,
      logger,
      topics: this.#topics,
      ownTopics: this.#ownTopics,
      codecs: this.#codecs,
      problems: this.#problems,
      state: settings.state,
      maxInFlight: settings.maxInFlight,
      middleware: () => this.#middleware,
      onDelivery: report,
      publisher: () => this.#publisher,
      isTaken: group => this.#groups.has(group),
      refuseIfClosing: doing => this.#lifecycle.refuseIfClosing(doing),
      isStarted: () => this.#lifecycle.started,
      ready: () => this.#lifecycle.ready,
    })
    this.#delays = new Delays({ name, transport, ownTopics: this.#ownTopics, runtime, logger })
    this.#publisher = new Publisher({
      source: name,
      transport,
      topics: this.#topics,
      codecs: this.#codecs,
      delays: this.#delays,
      runtime,
      logger,
      gate,
      middleware: () => this.#middleware,
      onPublish: () => (this.#publishListeners.size > 0 ? this.#reportPublish : undefined),
    })
    this.#inbox = new ReplyInbox({
      topic: settings.replyTopic,
      ownTopics: this.#ownTopics,
      transport,
      runtime,
      logger,
    })
    this.#requester = new Requester({
      publisher: this.#publisher,
      inbox: this.#inbox,
      codecs: this.#codecs,
      runtime,
      gate,
      middleware: () => this.#middleware,
      timeoutMs: settings.requestTimeoutMs,
      maxPending: settings.maxPending,
    })
  }

  /**
   * Adds middleware around every publish and every handler of this bus, outermost first.
   * @throws BusbarError `CONFIG_INVALID` once the bus has started.
   */
  use(...middleware: readonly MiddlewareLike[]): this {
    if (this.#lifecycle.started)
      throw new BusbarError('CONFIG_INVALID', `bus ${this.name}: call use() before start()`)
    for (const each of middleware.map(given => middlewareOf(given, `bus ${this.name}, use()`))) {
      if (each.attach && this.uses(each.name))
        throw new BusbarError(
          'CONFIG_INVALID',
          `bus ${this.name}, use(): middleware "${each.name}" is there already: add it once`,
        )
      each.attach?.(this)
      this.#middleware.push(each)
    }
    return this
  }

  /** Whether {@link use} was given a middleware of this name. */
  uses(middleware: string): boolean {
    return this.#middleware.some(({ name }) => name === middleware)
  }

  /**
   * Publishes an event; resolves when the transport has stored it, not when handlers ran. Before the start it waits
   * until the bus is connected.
   * Rejects with `PAYLOAD_INVALID`, `BUS_CLOSED`, or what the transport reports.
   */
  async publish<Out, In>(
    event: EventDefinition<Out, In>,
    payload: NoInfer<In>,
    options?: PublishOptions,
  ): Promise<PublishReceipt> {
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
   * The record that `publish` would send, without sending it: validated, encoded, in its envelope, through the publish
   * middleware. For whoever keeps records and sends them later with {@link Bus.send}, as an outbox does. Needs no start.
   * Rejects with `PAYLOAD_INVALID`, or what a publish middleware throws.
   */
  async encode<Out, In>(
    event: EventDefinition<Out, In>,
    payload: In,
    options?: EncodeOptions,
  ): Promise<OutboundRecord> {
    requireContract('event', event, 'encode')
    return this.#publisher.encode(event, payload, options)
  }

  /**
   * Sends records made by {@link Bus.encode}, as they are: no middleware runs. Makes sure of their topics; resolves when
   * all are stored. Rejects with `BUS_CLOSED` or what the transport reports, `PUBLISH_PARTIAL` where some were stored.
   */
  async send(records: readonly OutboundRecord[]): Promise<readonly RecordPosition[]> {
    const { transport } = this.#settings
    return this.#publisher.watch(records.map(publishedOf), () =>
      sendRecords({ gate: this.#lifecycle.gate, topics: this.#topics, transport }, records),
    )
  }

  /**
   * Handles an event. A handler that throws is tried again after a growing delay, which holds back only its own
   * key, and at last its record becomes a dead letter: see {@link SubscribeOptions.onFailure}.
   * @throws BusbarError `CONFIG_INVALID`, for example when a group already has a handler of this event and no `name` is given.
   */
  subscribe<E extends AnyEvent>(event: E, handler: Handler<EventPayload<E>>): Subscription
  subscribe<E extends AnyEvent>(
    event: E,
    options: SubscribeOptions,
    handler: Handler<EventPayload<E>>,
  ): Subscription
  subscribe(event: AnyEvent, ...rest: [Handler<never>] | [SubscribeOptions, Handler<never>]): Subscription {
    const [options, handler] = withOptions<SubscribeOptions, Handler<never>>(rest)
    requireContract('event', event, 'subscribe')
    requireHandler(handler, `subscribe to ${event.name}`)
    return this.#subscribe(event, options, {
      handle: async context =>
        void (await handler(context.payload as never, context as unknown as EventContext<never>)),
    })
  }

  /**
   * Handles an event in batches of one partition. Every record has its own outcome: `item.fail(error)` hands back that
   * one; a handler that throws fails all that it has not marked with `done()`.
   */
  subscribeBatch<E extends AnyEvent>(event: E, handler: BatchHandler<EventPayload<E>>): Subscription
  subscribeBatch<E extends AnyEvent>(
    event: E,
    options: SubscribeBatchOptions,
    handler: BatchHandler<EventPayload<E>>,
  ): Subscription
  subscribeBatch(
    event: AnyEvent,
    ...rest: [BatchHandler<never>] | [SubscribeBatchOptions, BatchHandler<never>]
  ): Subscription {
    const [options, handler] = withOptions<SubscribeBatchOptions, BatchHandler<never>>(rest)
    requireContract('event', event, 'subscribeBatch')
    requireHandler(handler, `subscribe to batches of ${event.name}`)
    const own = (options.use ?? []).map(each => middlewareOf(each, `subscribe to batches of ${event.name}`))
    const handle = batchHandle(handler as BatchHandler<unknown>, () => [...this.#middleware, ...own])
    return this.#subscribe(event, options, {
      handle: context => context.collector?.join(context),
      batch: {
        maxSize: positive('maxSize', options.maxSize ?? 100),
        maxWaitMs: positive('maxWaitMs', options.maxWaitMs ?? 50),
        collector: size => new BatchCollector(size, handle),
      },
    })
  }

  /**
   * The events of a subscription as an RxJS Observable, and an async iterable. Cold: subscribing takes part in the group,
   * unsubscribing leaves it. Options are those of {@link Bus.subscribe}, retry and dead letters included.
   *
   * Without a pipeline a record is acknowledged when its emission returns: see {@link EventStream}. With a pipeline, which
   * gets each record as an Observable of its own, it is acknowledged when that completes, and an error in it fails the
   * record, whose next attempt runs the pipeline anew: any operator works, also asynchronous ones. Records of different
   * keys run side by side.
   */
  stream<Out, In>(event: EventDefinition<Out, In>, options?: StreamOptions<NoInfer<Out>>): RecordStream<Out>
  stream<Out, In, R>(
    event: EventDefinition<Out, In>,
    options: SubscribeOptions,
    pipeline: RecordPipeline<NoInfer<Out>, R>,
  ): EventStream<R>
  stream<Out, In, R>(
    event: EventDefinition<Out, In>,
    pipeline: RecordPipeline<NoInfer<Out>, R>,
  ): EventStream<R>
  stream<E extends AnyEvent>(events: readonly E[], options?: SubscribeOptions): RecordStream<Received<E>>
  stream<E extends AnyEvent, R>(
    events: readonly E[],
    pipeline: RecordPipeline<Received<E>, R>,
  ): EventStream<R>
  stream<E extends AnyEvent, R>(
    events: readonly E[],
    options: SubscribeOptions,
    pipeline: RecordPipeline<Received<E>, R>,
  ): EventStream<R>
  stream(what: AnyEvent | readonly AnyEvent[], ...rest: readonly unknown[]): unknown {
    const [options = {}, pipeline] = (typeof rest[0] === 'function' ? [{}, ...rest] : rest) as readonly [
      StreamOptions<never>?,
      RecordPipeline<never, unknown>?,
    ]
    const events = Array.isArray(what) ? (what as readonly AnyEvent[]) : [what as AnyEvent]
    for (const event of events) requireContract('event', event, 'stream')
    const name = events.map(event => event.name).join(', ')
    if (pipeline !== undefined) requireHandler(pipeline, `stream of ${name}`)
    const open = Array.isArray(what)
      ? this.#streams.ofEvents(events, options)
      : this.#streams.ofEvent(events[0] as AnyEvent, options)
    return pipeline
      ? pipelineStream(name, open as OpenStream<never>, pipeline)
      : new RecordStream(name, open, () => {
          const [event, second] = events
          if (event && !second) return this.#stateful.stream(event, options as StreamOptions<unknown>)
          throw new BusbarError(
            'CONFIG_INVALID',
            `stream of ${name}: operators with a state are of one event: merge() the streams of several`,
          )
        })
  }

  /**
   * The latest value of each key of an event, from a topic that is best compacted. The instances of its group share the
   * partitions; streams of the same group may be joined with it. {@link Bus.publishTombstone} deletes a key.
   * @throws BusbarError `CONFIG_INVALID`, for example when the group has other subscriptions, or after the start.
   */
  table<Out, In>(event: EventDefinition<Out, In>, options: TableOptions = {}): Table<Out> {
    requireContract('event', event, 'table')
    return this.#stateful.table(event, options)
  }

  /** Publishes a record without a value, which deletes its key from tables, and in time from a compacted topic. */
  async publishTombstone(event: AnyEvent, key: string | Uint8Array): Promise<RecordPosition> {
    requireContract('event', event, 'publishTombstone')
    const gate = this.#lifecycle.gate(event.name)
    if (gate) await gate
    const ensuring = this.#topics.ensure(event.topic)
    if (ensuring) await ensuring
    const [position] = await this.#settings.transport.send([this.#stateful.tombstone(event, keyBytes(key))])
    return position as RecordPosition
  }

  /**
   * Consumes an event, runs each record through a pipeline of its own, and publishes what comes out of it as another event: a
   * record that is filtered out leads to nothing, one that is split leads to several. Retry, dead letters, order by key
   * and everything else is as with {@link Bus.subscribe}; a record is acknowledged when its pipeline has completed and its
   * outputs are stored. What a pipeline emits before it fails is not published.
   *
   * At least once by default: the id of an output follows from its record's, so that `idempotent` knows one that comes twice.
   * With `exactlyOnce` outputs and position are stored as one, and only what is committed is seen.
   * Several targets: give a list, and emit `to(event, payload)`.
   * @throws BusbarError `CAPABILITY_MISSING` for `exactlyOnce` on a transport without transactions.
   * @throws BusbarError `CONFIG_INVALID`, as `subscribe`, and for a group that is exactly once only in part.
   */
  pipe<Out, In, TargetOut, TargetIn>(
    source: EventDefinition<Out, In>,
    pipeline: RecordPipeline<NoInfer<Out>, NoInfer<TargetIn>>,
    target: EventDefinition<TargetOut, TargetIn>,
  ): Subscription
  pipe<Out, In, TargetOut, TargetIn>(
    source: EventDefinition<Out, In>,
    options: PipeOptions,
    pipeline: RecordPipeline<NoInfer<Out>, NoInfer<TargetIn>>,
    target: EventDefinition<TargetOut, TargetIn>,
  ): Subscription
  pipe<Out, In, E extends AnyEvent>(
    source: EventDefinition<Out, In>,
    pipeline: RecordPipeline<NoInfer<Out>, Output<NoInfer<E>>>,
    targets: readonly E[],
  ): Subscription
  pipe<Out, In, E extends AnyEvent>(
    source: EventDefinition<Out, In>,
    options: PipeOptions,
    pipeline: RecordPipeline<NoInfer<Out>, Output<NoInfer<E>>>,
    targets: readonly E[],
  ): Subscription
  pipe(source: AnyEvent, ...rest: readonly unknown[]): Subscription {
    const [given, pipeline, target] = (rest.length < 3 ? [{}, ...rest] : rest) as [
      PipeOptions,
      RecordPipeline<unknown, unknown>,
      AnyEvent | readonly AnyEvent[],
    ]
    requireContract('event', source, 'pipe')
    const targets = isList(target) ? target : [target]
    if (targets.length === 0)
      throw new BusbarError('CONFIG_INVALID', `pipe from ${source.name}: give at least one target`)
    for (const each of targets) requireContract('event', each, 'pipe, its target')
    requireHandler(pipeline, `pipe from ${source.name}`)
    const { exactlyOnce = false, ...options } = given
    if (exactlyOnce) this.#requireTransactions(source, options)
    for (const each of targets) this.#topics.declare(each.topic)
    return this.#subscribe(source, options, {
      transactional: exactlyOnce,
      prepare: () =>
        Promise.all(
          targets.map(async each => {
            await this.#codecs.prepareToPublish(each)
            await this.#topics.ensure(each.topic)
          }),
        ),
      handle: pipeHandle({
        pipeline,
        target,
        publish: (event, payload, each) => this.publish(event as EventDefinition<unknown>, payload, each),
        encode: (event, payload, each) => this.#publisher.encode(event, payload, each),
        onStored: outputs => this.#publisher.onStored(outputs),
      }),
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
      codecs: this.#codecs,
      runtime: this.#settings.runtime,
    }
    return this.#subscribe(request, options, {
      handle: responder(answering),
      onFailure: failureResponder(answering),
      replay: replayer(answering),
      resultOf: answerOf(answering),
    })
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
   * it comes. Completes after `count` replies or when the time is over, whatever has come by then; fails where it could not
   * be sent, not in its time either (`REQUEST_TIMEOUT`), was aborted or the bus was closed.
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
   * The dead letters of a group: list, replay, discard. `topics`: those whose dead letters are meant; default: those that
   * this bus subscribed to in the group.
   * @throws BusbarError `CONFIG_INVALID` when there are none.
   */
  deadLetters(group: string = this.name, options: { readonly topics?: readonly string[] } = {}): DeadLetters {
    const { transport, runtime } = this.#settings
    const topics = options.topics ?? [...this.#groups.topicsOf(group), ...this.#stateful.topicsOf(group)]
    if (topics.length === 0) {
      throw new BusbarError(
        'CONFIG_INVALID',
        `deadLetters(${JSON.stringify(group)}): this bus subscribed to nothing in that group: name the topics (option "topics")`,
      )
    }
    return new DeadLetters({ group, topics, transport, runtime, ownTopics: this.#ownTopics })
  }

  /**
   * How this bus is, and where its groups stand: red while a partition that it holds is stalled, a dead letter can't be
   * written, the broker does not answer, a check of {@link onHealth} tells of a problem, or after a consumer has failed for
   * good. Asks the broker and the checks; made for probes and metrics, which ask every few seconds. Never rejects.
   *
   * `timeoutMs`: how long the broker and the checks may take to answer, in milliseconds; 0: they are not asked. Default: 2,000.
   */
  async health({ timeoutMs = 2_000 }: { readonly timeoutMs?: number } = {}): Promise<BusHealth> {
    const [lag, told] =
      timeoutMs > 0
        ? await Promise.all([this.#lookAtLag(timeoutMs), this.#checks.look(timeoutMs)])
        : [nobodyAsked, []]
    const problems = [...this.#problems.all, ...lag.problems, ...told]
    const status = problems.length === 0 ? 'green' : 'red'
    return { state: this.#lifecycle.state, status, problems, partitions: lag.partitions }
  }

  /**
   * Makes the health of something that stands beside this bus part of {@link health}: `check` is called whenever that is asked, once
   * at a time, and tells the problems that there are. One that throws, or does not answer in time, is a problem of the kind
   * `check`, about `what`; without an answer for 10 seconds it is called anew. Returns what ends it.
   */
  onHealth(what: string, check: HealthCheck): () => void {
    return this.#checks.add(what, check)
  }

  /** How far this bus has come: receiving while it is `running`. */
  get state(): BusState {
    return this.#lifecycle.state
  }

  /**
   * Calls back for each delivery to a subscription with what became of it. Returns what ends it. Records that operators with a state
   * process are deliveries to the subscription `<group>/streams`, each told when it is acknowledged.
   */
  onDelivery(listener: (report: DeliveryReport) => void): () => void {
    this.#deliveryListeners.add(listener)
    return () => void this.#deliveryListeners.delete(listener)
  }

  /**
   * Calls back for each event, request and reply that is published, with what became of it. Returns what ends it. Outputs that are
   * stored with an acknowledgement are told once they are committed; where that fails they come again, and nothing is told.
   */
  onPublish(listener: (report: PublishReport) => void): () => void {
    this.#publishListeners.add(listener)
    return () => void this.#publishListeners.delete(listener)
  }

  /** How many publishes are under way, neither stored nor refused yet; 0 while nobody listens with {@link onPublish}. */
  get publishing(): number {
    return this.#publisher.underWay
  }

  /**
   * Adds something that the start makes sure of, once connected and before anything is received: what it throws fails the
   * start. It is called again when a failed start is tried again.
   * @throws BusbarError `CONFIG_INVALID` once the bus has started.
   */
  onStart(check: () => void | Promise<void>): void {
    if (this.#lifecycle.started)
      throw new BusbarError('CONFIG_INVALID', `bus ${this.name}: call onStart() before start()`)
    this.#startChecks.push(check)
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
   * Stops receiving: lets running handlers finish until the deadline, commits, and leaves its groups. Publishing, requests
   * and their replies go on until {@link close}: for a server whose own requests still publish.
   */
  drain(options: CloseOptions = {}): Promise<void> {
    return this.#lifecycle.drain(options.timeoutMs ?? defaultCloseMs)
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
    inner: Pick<
      BoundSubscriptionOptions,
      'handle' | 'onFailure' | 'replay' | 'resultOf' | 'batch' | 'transactional' | 'prepare'
    >,
  ): Subscription {
    this.#lifecycle.refuseIfClosing(`subscribe to ${contract.name}`)
    const group = options.group ?? this.name
    if (group !== false) requireName(`subscribing to ${contract.name}, option "group"`, group)
    if (this.#stateful.has(group)) throw clash(group as string)
    if (options.name !== undefined)
      requireName(`subscribing to ${contract.name}, option "name"`, options.name)
    const name = options.name ?? `${group === false ? 'broadcast' : group}/${contract.name}`
    const failsForGood =
      contract.kind === 'event' &&
      (options.onFailure ?? (group === false ? 'hand-back' : 'dead-letter')) === 'dead-letter'
    const own = (options.use ?? []).map(each => subscriptionMiddleware(each, name))
    if (group === false) refuseReturns(options, own, name)
    const bound = new BoundSubscription({
      ...inner,
      name,
      group,
      contract,
      codecs: this.#codecs,
      logger: this.#settings.logger,
      runtime: this.#settings.runtime,
      forward: this.#forward,
      ensureOwnTopic: topic => this.#ownTopics.ensure(topic),
      middleware: () =>
        failsForGood ? this.#withDefaults([...this.#middleware, ...own]) : [...this.#middleware, ...own],
    })
    this.#topics.declare(contract.topic)
    const consumer = this.#groups.add(bound, options)
    const ready = this.#lifecycle.started ? this.#joinLater(bound, consumer) : this.#lifecycle.ready
    let closed: Promise<void> | undefined
    const close = ({ timeoutMs = defaultCloseMs }: CloseOptions = {}) => {
      closed ??= drainWithin(this.#settings, timeoutMs, `subscription ${name}`, deadline =>
        this.#groups.remove(bound, deadline),
      )
      return closed
    }
    return { name, group, ready, close, [Symbol.asyncDispose]: () => close() }
  }

  #lookAtLag(timeoutMs: number): Promise<LagReport> {
    const isReceiving = this.#lifecycle.state === 'running'
    return this.#lag.look(isReceiving ? [...this.#groups.joined, ...this.#stateful.joined] : [], timeoutMs)
  }

  #requireTransactions(source: AnyEvent, { group }: SubscribeOptions): void {
    const doing = `pipe from ${source.name}, option "exactlyOnce"`
    if (group === false)
      throw new BusbarError('CONFIG_INVALID', `${doing}: it needs a group, and a broadcast has none`)
    const { name, capabilities } = this.#settings.transport
    if (capabilities.transactions) return
    throw new BusbarError(
      'CAPABILITY_MISSING',
      `${doing}: the ${name} transport has no transactions: leave the option out, and let consumers of the outputs use idempotent()`,
    )
  }

  /** Joins a group of a bus that runs, or soon will; whoever does not look at `ready` finds a failure in the log. */
  #joinLater(subscription: BoundSubscription, consumer: GroupConsumer): Promise<void> {
    const joined = this.#lifecycle.ready.then(() => subscription.prepare()).then(() => consumer.join())
    joined.catch((thrown: unknown) => {
      if (thrown instanceof BusbarError && thrown.code === 'BUS_CLOSED') return
      this.#settings.logger.error(
        { err: thrown, subscription: subscription.name },
        'subscription cannot receive',
      )
    })
    return joined
  }

  /** What is published and handled first must find its topics and schemas; what fails here fails the start. */
  async #prepare(): Promise<void> {
    const subscriptions = this.#groups.all.flatMap(group => group.consumer.subscriptions)
    await Promise.all([
      ...subscriptions.map(subscription => subscription.prepare()),
      ...this.#settings.publishes.flatMap(contract => [
        this.#codecs.prepareToPublish(contract),
        this.#topics.ensure(contract.topic),
      ]),
    ])
  }

  async #drain(deadline: AbortSignal): Promise<void> {
    const [left, leftToo] = await Promise.all([
      this.#groups.close(deadline),
      Promise.allSettled(this.#stateful.all.map(group => group.close(deadline))),
    ])
    for (const each of [...left, ...leftToo])
      if (each.status === 'rejected')
        this.#settings.logger.warn({ err: each.reason as unknown }, 'a group could not be left cleanly')
    this.#streams.end()
  }

  async #finish(deadline: AbortSignal): Promise<void> {
    await this.#delays.close(deadline)
    // Requests need no reply any more. The transport knows only of what has come to it: the rest is waited for here.
    this.#closeRequests()
    if (this.#lifecycle.connected) await untilAborted(this.#publisher.settled(), deadline)
    await this.#inbox.close()
  }

  #closeRequests(): void {
    this.#requester.close(
      new BusbarError('BUS_CLOSED', `bus ${this.name} was closed while the request waited for its reply`),
    )
  }

  #withDefaults(middleware: readonly Middleware[]): readonly Middleware[] {
    return withDefault(withDefault(middleware, this.#defaultRetry), this.#defaultDeadLetter)
  }

  readonly #forward: Forward = async (topic, record) => {
    await this.#ownTopics.ensure(topic)
    await this.#settings.transport.send([{ ...record, topic: topic.name }])
  }

  readonly #report = (report: DeliveryReport): void => {
    for (const listener of this.#deliveryListeners) this.#call(listener, report, 'deliveries')
  }

  readonly #reportPublish = (report: PublishReport): void => {
    for (const listener of this.#publishListeners) this.#call(listener, report, 'publishes')
  }

  readonly #emit = (event: BusEvent): void => {
    logBusEvent(this.#settings.logger, event)
    this.#held.onEvent(event)
    this.#stateful.onEvent(event)
    this.#problems.onEvent(event)
    for (const listener of this.#listeners) this.#call(listener, event, 'bus events')
  }

  #call<T>(listener: (what: T) => void, what: T, of: string): void {
    try {
      listener(what)
    } catch (thrown) {
      this.#settings.logger.error({ err: thrown }, `a listener of ${of} threw: ${reasonOf(thrown)}`)
    }
  }
}

const defaultCloseMs = 10_000

const nobodyAsked: LagReport = { partitions: [], problems: [] }

function withOptions<Options extends object, Fn>(
  rest: readonly [Fn] | readonly [Options, Fn],
): readonly [Options, Fn] {
  return rest.length === 2 ? rest : [{} as Options, rest[0]]
}

function requireContract(
  kind: 'event' | 'request',
  given: { readonly kind?: unknown } | undefined,
  doing: string,
): void {
  if (given?.kind === kind) return
  const make = kind === 'event' ? 'defineEvent' : 'defineRequest'
  throw new BusbarError(
    'EVENT_UNKNOWN',
    `${doing}: the first argument is no ${kind} definition: make one with ${make}(name)`,
  )
}

function requireHandler(handler: unknown, doing: string): void {
  if (typeof handler !== 'function')
    throw new BusbarError('CONFIG_INVALID', `${doing}: the last argument must be the handler function`)
}

/** A broadcast has no topics by which records could come back, and keeps no position: a failure is handed back. */
function refuseReturns(options: SubscribeOptions, own: readonly Middleware[], subscription: string): void {
  const returning = own.find(each => each.returnTopics)
  if (!returning && options.onFailure !== 'dead-letter') return
  throw new BusbarError(
    'CONFIG_INVALID',
    `subscription ${subscription}: ${returning ? `middleware "${returning.name}"` : 'option "onFailure"'} needs a group, and a broadcast has none`,
  )
}

function subscriptionMiddleware(given: MiddlewareLike, subscription: string): Middleware {
  const middleware = middlewareOf(given, `subscription ${subscription}, option "use"`)
  if (!middleware.publish && !middleware.request && !middleware.attach) return middleware
  throw new BusbarError(
    'CONFIG_INVALID',
    `subscription ${subscription}: middleware "${middleware.name}" is for the whole bus: add it with bus.use()`,
  )
}
