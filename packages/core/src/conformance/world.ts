import assert from 'node:assert/strict'
import { type Bus, createBus } from '../bus.js'
import type { BusOptions } from '../bus-options.js'
import { BusbarError, type BusbarErrorCode } from '../error.js'
import { defineEvent, type EventDefinition } from '../event.js'
import { silentLogger } from '../logger.js'
import { systemRuntime } from '../runtime.js'
import type {
  SubscribeSpec,
  TopicPartition,
  TopicSpec,
  Transport,
  TransportEvent,
  TransportSubscription,
} from '../transport.js'
import type { ConformanceHarness } from './harness.js'
import type { Inbox } from './inbox.js'
import type { Item } from './items.js'
import { until, within } from './waiting.js'

/** A bus and the transport under it. */
export interface Service {
  readonly bus: Bus
  readonly transport: Transport
}

/** A connected transport and what it reported so far. */
export interface Connected {
  readonly transport: Transport
  readonly events: readonly TransportEvent[]
}

/** Partitions of the topics of a case that does not say. */
const defaultPartitions = 3

/**
 * What one case runs in: names that no other case uses, transports and buses that are closed when it ends, and waits
 * that end by themselves.
 */
export class World {
  readonly #harness: ConformanceHarness
  readonly #replyTopic: string
  readonly #timeoutMs: number
  readonly #opened = new Map<Transport, () => Promise<void>>()

  constructor(harness: ConformanceHarness, replyTopic: string) {
    this.#harness = harness
    this.#replyTopic = replyTopic
    this.#timeoutMs = harness.timeoutMs ?? 10_000
  }

  /** A name for a topic, a group or a bus that nobody else uses. */
  name(hint: string): string {
    return `${hint}-${systemRuntime.uuid().slice(-12)}`
  }

  /** A connected transport, disposed of at the end of the case. */
  async transport(): Promise<Connected> {
    const transport = this.#harness.createTransport()
    const events: TransportEvent[] = []
    const onEvent = (event: TransportEvent) => void events.push(event)
    this.#opened.set(transport, async () => transport[Symbol.asyncDispose]())
    await this.within(
      'connecting',
      transport.connect({
        clientId: this.name('client'),
        logger: silentLogger,
        runtime: systemRuntime,
        onEvent,
      }),
    )
    return { transport, events }
  }

  /** A bus over a transport of its own, not started, closed at the end of the case. Failed records come again soon. */
  service(options: Partial<Omit<BusOptions, 'transport'>> = {}): Service {
    const transport = this.#harness.createTransport()
    const bus = createBus({
      name: this.name('bus'),
      logger: silentLogger,
      ...options,
      transport,
      consume: { redelivery: { delayMs: 20, maxDelayMs: 200 }, ...options.consume },
      requests: { replyTopic: this.#replyTopic, ...options.requests },
    })
    this.#opened.set(transport, () => bus.close({ timeoutMs: 1_000 }))
    return { bus, transport }
  }

  /** A bus over a transport of its own: {@link service}, for cases that don't look below it. */
  bus(options: Partial<Omit<BusOptions, 'transport'>> = {}): Bus {
    return this.service(options).bus
  }

  /** An event on a topic of its own, keyed by its item's key. */
  event(options: Partial<Omit<TopicSpec, 'name' | 'create'>> = {}): EventDefinition<Item> {
    const name = this.name('event')
    return defineEvent<Item>(name, {
      topic: { name, partitions: defaultPartitions, ...options },
      key: item => item.key,
    })
  }

  /** A new topic; by default with three partitions. */
  async topic(
    { transport }: Connected,
    options: Partial<Omit<TopicSpec, 'name' | 'create'>> = {},
  ): Promise<string> {
    const name = this.name('topic')
    const spec = { name, create: true, partitions: defaultPartitions, ...options }
    await this.within(`creating topic ${name}`, transport.ensureTopics([spec]))
    return name
  }

  /** Joins a group at the level of the contract. */
  subscribe(
    { transport }: Connected,
    spec: Pick<SubscribeSpec, 'group' | 'topics'> & Partial<SubscribeSpec>,
    inbox: Inbox,
  ): Promise<TransportSubscription> {
    const whole: SubscribeSpec = { from: 'earliest', maxInFlight: 1_000, ...spec }
    return this.within(`subscribing as ${spec.group}`, transport.subscribe(whole, inbox.deliver))
  }

  /** Disposes of a transport before the end of the case. */
  async dispose(transport: Transport): Promise<void> {
    this.#opened.delete(transport)
    await this.within('disposing of a transport', transport[Symbol.asyncDispose]())
  }

  /** Ends a transport, and whatever stands on it, as a killed process would. */
  async crash(transport: Transport): Promise<void> {
    const { crash } = this.#harness
    assert(typeof crash === 'function', 'a case that crashes transports must require it')
    this.#opened.delete(transport)
    await this.within('crashing', Promise.resolve(crash(transport)))
  }

  /** Lets a transport stand still; returns what lets it go on. */
  freeze(transport: Transport): () => Promise<void> {
    const { freeze } = this.#harness
    assert(typeof freeze === 'function', 'a case that freezes transports must require it')
    const thaw = freeze(transport)
    return () => this.within('going on', Promise.resolve(thaw()))
  }

  /** Cuts every connection of a transport. */
  async disconnect(transport: Transport): Promise<void> {
    const { disconnect } = this.#harness
    assert(typeof disconnect === 'function', 'a case that cuts connections must require it')
    await this.within('cutting connections', Promise.resolve(disconnect(transport)))
  }

  /** Resolves as `work` does, or rejects when that takes too long. */
  within<T>(what: string, work: PromiseLike<T>, ms = this.#timeoutMs): Promise<T> {
    return within(ms, what, work)
  }

  /** Waits for a condition. `state` is shown when it does not come to hold. */
  until(what: string, condition: () => boolean | Promise<boolean>, state?: () => unknown): Promise<void> {
    return until(this.#timeoutMs, what, condition, state)
  }

  /** Waits until a group has finished, and committed, everything that is stored of a topic. */
  untilCaughtUp(transport: Transport, group: string, topic: string): Promise<void> {
    const unfinished = async () => {
      const positions = (await transport.positions(group)).filter(position => position.topic === topic)
      return positions.length === 0 || positions.some(({ lag }) => lag > 0)
    }
    return this.until(`group ${group} committed the end of ${topic}`, async () => !(await unfinished()))
  }

  /** Where a group stands in one partition; undefined if it has no position there. */
  async committed(
    transport: Transport,
    group: string,
    { topic, partition }: TopicPartition,
  ): Promise<number | undefined> {
    const positions = await this.within('asking for positions', transport.positions(group))
    return positions.find(each => each.topic === topic && each.partition === partition)?.committed
  }

  /** Fails unless `work` rejects with a `BusbarError` of this code; returns the error. */
  async rejects(what: string, work: PromiseLike<unknown>, code: BusbarErrorCode): Promise<BusbarError> {
    let thrown: BusbarError | undefined
    try {
      await this.within(what, work)
    } catch (error) {
      if (!(error instanceof BusbarError)) throw error
      thrown = error
    }
    assert(thrown, `${what} was to be refused with ${code}, and was not`)
    assert.equal(thrown.code, code, `${what}: ${thrown.message}`)
    return thrown
  }

  /** Closes everything that the case opened; rejects with the first thing that did not close. */
  async end(): Promise<void> {
    const closing = [...this.#opened.values()].map(close =>
      this.within('closing what the case opened', close()),
    )
    this.#opened.clear()
    for (const closed of await Promise.allSettled(closing))
      if (closed.status === 'rejected') throw closed.reason
  }
}
