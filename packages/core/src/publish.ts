import { after, type Codec } from './codec.js'
import type { Codecs } from './codecs.js'
import { compose } from './compose.js'
import type { PublishContext } from './context.js'
import { ContextValues } from './context-values.js'
import type { Delays } from './delays.js'
import { envelopeHeaders } from './envelope.js'
import { BusbarError, reasonOf } from './error.js'
import type { AnyEvent } from './event.js'
import { checkUserHeaders, type UserHeaders } from './headers.js'
import type { Logger } from './logger.js'
import { layersOf, type Middleware } from './middleware.js'
import { PublishGathering, settleAll } from './publish-gathering.js'
import { type Published, type PublishReport, publishReports } from './publish-report.js'
import type { Runtime } from './runtime.js'
import type { ContractTopic } from './topic.js'
import type { TopicRegistry } from './topic-registry.js'
import type { OutboundRecord, RecordPosition, Transport } from './transport.js'

export interface PublishOptions {
  /** The id of the event (`ce_id`): the same id again is the same event. Default: a new UUIDv7. */
  readonly id?: string
  /** Overrides the partition key of the contract. `null`: no key. */
  readonly key?: string | Uint8Array | null
  /**
   * Publishes so many milliseconds later. The event is stored at once, in a delay topic of this service, and survives
   * restarts; instances of this service forward it when it is due. Default: 0, now.
   */
  readonly delayMs?: number
  /** Headers besides those of the envelope. */
  readonly headers?: UserHeaders
}

/** Options of a record that is encoded now and sent later. */
export type EncodeOptions = Omit<PublishOptions, 'delayMs'>

/** Where an event was stored, and under which id. */
export interface PublishReceipt extends RecordPosition {
  readonly id: string
}

export interface PublisherOptions {
  /** The bus's name: the `ce_source` of its events. */
  readonly source: string
  readonly transport: Transport
  readonly topics: TopicRegistry
  readonly codecs: Codecs
  readonly delays: Delays
  readonly runtime: Runtime
  readonly logger: Logger
  readonly middleware: () => readonly Middleware[]
  /** Undefined when publishing what has this name may go on, else a promise of it; throws or rejects when it never may. */
  readonly gate: (what: string) => Promise<void> | undefined
  /** Who is told of each publish, once; undefined where nobody is, and no report need be made. */
  readonly onPublish: () => ((report: PublishReport) => void) | undefined
}

/** What can be published: an event, a request, or the reply to one. */
export interface Publishable {
  readonly kind: 'event' | 'request' | 'reply'
  readonly name: string
  readonly topic: ContractTopic
  readonly codec: Codec<never, unknown>
  readonly key: ((payload: never) => string | Uint8Array) | undefined
}

/** What requests and replies write besides their payload. */
export interface Route {
  readonly partition?: number
  readonly headers?: Readonly<Record<string, string | Uint8Array>>
  /** Whether the record has no value, whatever the payload. Default: false. */
  readonly withoutValue?: boolean
}

/** The innermost point of the publish onion. */
type Sendable = PublishContext & { readonly send: () => Promise<void> }

interface Encoded {
  readonly context: PublishContext
  /** When it is to be published, in milliseconds since the epoch; undefined: now. */
  readonly dueAtMs: number | undefined
  readonly record: OutboundRecord
}

/** The publish path: encode, wrap into the envelope, run the onion, send. */
export class Publisher {
  readonly #options: PublisherOptions
  #onion: ((context: Sendable) => Promise<void>) | undefined
  #layered = false
  /** By topic, while a publish to it waits for something: resolves when the last of them has gone to the transport. */
  readonly #tails = new Map<string, Promise<void>>()
  /** Publishes that the transport need not know of yet: they wait for something, or are with a middleware. */
  readonly #accepted = new Set<Promise<unknown>>()
  #underWay = 0

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** How many records are being published, neither stored nor refused yet; counted while somebody listens. */
  get underWay(): number {
    return this.#underWay
  }

  /** Publishes one payload; resolves when it is stored. */
  publish(
    contract: Publishable,
    payload: unknown,
    options: PublishOptions = {},
    route: Route = {},
  ): Promise<PublishReceipt> {
    const publish = () => this.#publish(contract, payload, options, route)
    // The way of every single publish: what nobody listens to costs nothing.
    if (!this.#options.onPublish()) return publish()
    return this.watch([{ kind: contract.kind, event: contract.name }], publish)
  }

  async #publish(
    contract: Publishable,
    payload: unknown,
    options: PublishOptions,
    route: Route,
  ): Promise<PublishReceipt> {
    const ready = after(this.#encode(contract, payload, options, route), encoded =>
      this.#opened(contract, encoded),
    )
    // Replies have no order among each other, and share their topic: none may wait for another.
    const isOrdered = contract.kind !== 'reply'
    if (!(ready instanceof Promise) && !(isOrdered && this.#tails.has(contract.topic.name))) {
      this.#chain()
      return this.#layered ? this.#accept(this.#send(ready)) : this.#send(ready)
    }
    const inTurn = async () =>
      this.#send(await (isOrdered ? this.#inTurn(contract.topic.name, ready) : ready))
    return this.#accept(inTurn())
  }

  /** Resolves when everything that was published before and meanwhile has been stored or refused. */
  async settled(): Promise<void> {
    while (this.#accepted.size > 0) await Promise.allSettled(this.#accepted)
  }

  /** Publishes many payloads; nothing is sent unless all of them can be encoded. */
  async publishBatch(
    event: AnyEvent,
    payloads: readonly unknown[],
    options: Omit<PublishOptions, 'id'>,
  ): Promise<readonly PublishReceipt[]> {
    const records = payloads.map(() => ({ kind: event.kind, event: event.name }))
    return this.watch(records, () => this.#accept(this.#publishBatch(event, payloads, options)))
  }

  /** Counts records as being under way, and tells of each what became of it, if anybody listens. */
  async watch<T>(records: readonly Published[], publish: () => Promise<T>): Promise<T> {
    const { runtime, onPublish } = this.#options
    if (!onPublish()) return publish()
    const startMs = runtime.now()
    let failure: { readonly error: unknown } | undefined
    this.#underWay += records.length
    try {
      return await publish()
    } catch (error) {
      failure = { error }
      throw error
    } finally {
      this.#underWay -= records.length
      const tell = onPublish()
      if (tell) for (const report of publishReports(records, runtime.now() - startMs, failure)) tell(report)
    }
  }

  /**
   * Records that are stored together with an acknowledgement: gives what tells of them, to be called once that is committed;
   * undefined where there are none, or nobody listens.
   */
  onStored(records: readonly Published[]): (() => void) | undefined {
    const { runtime, onPublish } = this.#options
    if (records.length === 0 || !onPublish()) return undefined
    const startMs = runtime.now()
    return () => {
      const tell = onPublish()
      if (tell) for (const report of publishReports(records, runtime.now() - startMs, undefined)) tell(report)
    }
  }

  #accept<T>(publish: Promise<T>): Promise<T> {
    const forget = () => void this.#accepted.delete(publish)
    this.#accepted.add(publish)
    publish.then(forget, forget)
    return publish
  }

  async #publishBatch(
    event: AnyEvent,
    payloads: readonly unknown[],
    options: Omit<PublishOptions, 'id'>,
  ): Promise<readonly PublishReceipt[]> {
    const encoding = Promise.all(
      payloads.map(async (payload, index) => {
        try {
          return await this.#encode(event, payload, options, {})
        } catch (thrown) {
          const error = BusbarError.from(thrown, 'ENCODE_FAILED', `encoding ${event.name}`)
          throw new BusbarError(
            error.code,
            `record ${index} of a batch of ${payloads.length}, nothing was sent: ${error.message}`,
            { cause: error },
          )
        }
      }),
    )
    const ready = encoding.then(encoded => this.#opened(event, encoded))
    const encoded = await this.#inTurn(event.topic.name, ready)
    if (encoded.length === 0) return []
    const { transport } = this.#options
    this.#chain()
    if (options.delayMs) return settleAll(encoded.map(each => this.#send(each)))
    if (!this.#layered) {
      const positions = await transport.send(encoded.map(each => each.record))
      return positions.map((position, index) => ({ id: (encoded[index] as Encoded).context.id, ...position }))
    }
    const gathering = new PublishGathering(encoded.length, records => transport.send(records))
    return settleAll(
      encoded.map((each, index) =>
        this.#send(each, record => gathering.join(index, record)).finally(() => gathering.left()),
      ),
    )
  }

  /**
   * Waits until what was published before to the same topic has gone to the transport: publishes wait for different
   * things (the start, their topic, an asynchronous schema), and must not overtake each other.
   */
  #inTurn<T>(topic: string, ready: T | Promise<T>): Promise<T> {
    const before = this.#tails.get(topic) ?? Promise.resolve()
    if (ready instanceof Promise) ready.catch(() => {})
    const turn = before.then(() => ready)
    const passed = () => {
      if (this.#tails.get(topic) === tail) this.#tails.delete(topic)
    }
    const tail = turn.then(passed, passed)
    this.#tails.set(topic, tail)
    return turn
  }

  #opened<T>(contract: Publishable, encoded: T): T | Promise<T> {
    const opening = this.#open(contract)
    return opening ? opening.then(() => encoded) : encoded
  }

  /** Waits, if need be, for the connection and for the topic. Awaited only when there is something to wait for. */
  #open(contract: Publishable): Promise<void> | undefined {
    const { gate, topics } = this.#options
    // Whoever waits for a reply has made sure of its topic.
    const ensure = () => (contract.kind === 'reply' ? undefined : topics.ensure(contract.topic))
    const opening = gate(contract.name)
    return opening ? opening.then(ensure) : ensure()
  }

  async #send({ context, record, dueAtMs }: Encoded, sendRecord = this.#sendRecord): Promise<PublishReceipt> {
    let position: RecordPosition | undefined
    let isSent = false
    const send = async () => {
      position = await (dueAtMs === undefined
        ? sendRecord(record)
        : this.#options.delays.schedule(record, dueAtMs))
      isSent = true
    }
    const chain = this.#chain()
    if (this.#layered) await chain(Object.assign(context, { send }))
    else await send()
    if (!isSent) throw notSent(context)
    // Without a position only where others of its batch were refused: then the batch as a whole rejects.
    return { id: context.id, ...(position as unknown as RecordPosition) }
  }

  readonly #sendRecord = async (record: OutboundRecord): Promise<RecordPosition | undefined> => {
    const [position] = await this.#options.transport.send([record])
    return position
  }

  #chain(): (context: Sendable) => Promise<void> {
    if (!this.#onion) {
      const layers = layersOf('publish', this.#options.middleware())
      this.#layered = layers.length > 0
      this.#onion = compose<Sendable>(layers, context => context.send())
    }
    return this.#onion
  }

  /** The record that `publish` would send, without sending it: encoded, in its envelope, through the publish onion. */
  async encode(
    contract: Publishable,
    payload: unknown,
    options: PublishOptions = {},
  ): Promise<OutboundRecord> {
    if (options.delayMs !== undefined) {
      throw new BusbarError(
        'CONFIG_INVALID',
        `encoding ${contract.name}: a record has no delay: leave out "delayMs" and send it later`,
      )
    }
    this.#options.topics.declare(contract.topic)
    const { context, record } = await this.#encode(contract, payload, options, {}, false)
    // Not the onion of `publish`: that one is made at the first send, when no more middleware can be added.
    const layers = layersOf('publish', this.#options.middleware())
    let isSent = false
    await compose<PublishContext>(layers, () => {
      isSent = true
    })(context)
    if (!isSent) throw notSent(context)
    return record
  }

  #encode(
    contract: Publishable,
    payload: unknown,
    options: PublishOptions,
    route: Route,
    isSentNow = true,
  ): Encoded | Promise<Encoded> {
    const { runtime, logger, source, codecs } = this.#options
    const type = contract.name
    if (options.delayMs !== undefined && !(options.delayMs >= 0 && Number.isFinite(options.delayMs))) {
      throw new BusbarError(
        'CONFIG_INVALID',
        `publishing ${type}: option "delayMs" must be a number of milliseconds, got ${options.delayMs}`,
      )
    }
    if (options.headers) checkUserHeaders(options.headers, `publishing ${type}`)
    const id = options.id ?? runtime.uuid()
    if (typeof id !== 'string' || id === '' || !id.isWellFormed()) {
      throw new BusbarError(
        'HEADER_INVALID',
        `publishing ${type}: option "id" must be a non-empty, well-formed text`,
      )
    }
    const timestampMs = runtime.now()
    // The codec of a reply is the requester's choice among several, and made with the reply.
    const codec = contract.kind === 'reply' ? contract.codec : codecs.payload(contract)
    const headers = envelopeHeaders({ id, type, source }, timestampMs, codec)
    if (options.headers) Object.assign(headers, options.headers)
    if (route.headers) Object.assign(headers, route.headers)
    const context: PublishContext = {
      kind: contract.kind,
      id,
      event: type,
      topic: contract.topic.name,
      payload,
      headers,
      values: new ContextValues(),
      isSentNow,
      logger,
      runtime,
    }
    return after(encodeValue(type, codec, payload), value => ({
      context,
      dueAtMs: options.delayMs ? timestampMs + options.delayMs : undefined,
      record: {
        topic: context.topic,
        ...(route.partition === undefined ? undefined : { partition: route.partition }),
        key: keyOf(contract, payload, options),
        value: route.withoutValue ? null : value,
        headers,
        timestampMs,
      },
    }))
  }
}

function notSent(context: PublishContext): BusbarError {
  return new BusbarError(
    'MIDDLEWARE_MISUSED',
    `a middleware ended the publish of ${context.event} without sending it: throw an error to refuse a publish`,
  )
}

function encodeValue(
  name: string,
  codec: Codec<never, unknown>,
  payload: unknown,
): Uint8Array | Promise<Uint8Array> {
  const fail = (thrown: unknown): never => {
    const error = BusbarError.from(thrown, 'ENCODE_FAILED', 'the codec failed')
    throw new BusbarError(error.code, `publishing ${name}: ${error.message}`, {
      cause: error,
      retryable: error.retryable,
    })
  }
  try {
    const encoding = codec.encode(payload as never)
    return encoding instanceof Promise ? encoding.catch(fail) : encoding
  } catch (thrown) {
    return fail(thrown)
  }
}

function keyFrom(contract: Publishable, payload: unknown): unknown {
  if (!contract.key) return undefined
  let key: unknown
  try {
    key = contract.key(payload as never)
  } catch (cause) {
    throw new BusbarError(
      'PAYLOAD_INVALID',
      `publishing ${contract.name}: its key can't be taken from the payload: ${reasonOf(cause)}`,
      { cause },
    )
  }
  if (key !== undefined && key !== null) return key
  throw new BusbarError(
    'PAYLOAD_INVALID',
    `publishing ${contract.name}: its key is missing from the payload: without it, its order would be lost; to publish without a key, say so (option "key": null)`,
  )
}

function keyOf(contract: Publishable, payload: unknown, options: PublishOptions): Uint8Array | null {
  const key = options.key === undefined ? keyFrom(contract, payload) : options.key
  if (key === undefined || key === null) return null
  if (typeof key === 'string') return Buffer.from(key)
  if (key instanceof Uint8Array) return key
  throw new BusbarError(
    'CONFIG_INVALID',
    `publishing ${contract.name}: its key must be text or bytes, got ${typeof key}`,
  )
}
