import type { MemoryTransport } from '@busbar/transport-memory'
import { BusbarError } from '../error.js'
import { type Runtime, sleep } from '../runtime.js'
import type {
  ConnectOptions,
  Deliver,
  Delivery,
  DeliveryBatch,
  OutboundRecord,
  PartitionPosition,
  ReadSpec,
  Receive,
  RecordPosition,
  SubscribeSpec,
  TopicSpec,
  Transport,
  TransportCapabilities,
  TransportReader,
  TransportSubscription,
} from '../transport.js'
import type { Activities } from './activities.js'
import { type Faults, sendFault } from './faults.js'
import type { Ownership, TestObserver } from './observer.js'
import type { SeededRandom } from './seeded-random.js'

export interface TestTransportOptions {
  readonly inner: MemoryTransport
  /** The broker's: it outlives this process. */
  readonly runtime: Runtime
  readonly random: SeededRandom
  readonly activities: Activities
  readonly faults: Faults
  readonly latencyMs: number
  readonly observer: TestObserver
  /** Groups that have or had members, filled in by all transports of a test. */
  readonly groups: Set<string>
}

/** The in-memory transport with latencies and faults in front of it. */
export class TestTransport implements Transport {
  readonly name = 'test'
  readonly capabilities: TransportCapabilities
  /** Groups that this transport is a member of. */
  readonly joined = new Set<string>()
  readonly #options: TestTransportOptions
  #bus = ''
  #sending: Promise<unknown> = Promise.resolve()
  #arrivesAtMs = 0
  #isCrashed = false

  constructor(options: TestTransportOptions) {
    this.#options = options
    this.capabilities = options.inner.capabilities
  }

  connect(options: ConnectOptions): Promise<void> {
    this.#bus = options.clientId
    return this.#options.inner.connect({ ...options, runtime: this.#options.runtime })
  }

  send(records: readonly OutboundRecord[]): Promise<readonly RecordPosition[]> {
    const { faults } = this.#options
    const fate = faults.fateOfSend(records)
    const arrived = this.#travel()
    // One after the other up to the store: the contract's order holds across calls.
    const stored = this.#sending.then(async () => {
      await arrived
      await this.#latency(0)
      if (fate === 'fails') throw sendFault(fate)
      const positions = await this.#store(records)
      if (fate === 'duplicate') await this.#store(records)
      return positions
    })
    this.#sending = stored.catch(() => {})
    return stored.then(async positions => {
      await this.#latency()
      if (fate === 'fails afterwards') throw sendFault(fate)
      return positions
    })
  }

  async subscribe(spec: SubscribeSpec, deliver: Deliver): Promise<TransportSubscription> {
    const { inner, groups } = this.#options
    await this.#latency()
    groups.add(spec.group)
    const subscription = await inner.subscribe(spec, batch => deliver(this.#watched(spec, batch)))
    this.joined.add(spec.group)
    return subscription
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    await this.#latency()
    return this.#options.inner.ensureTopics(topics)
  }

  partitions(topic: string): Promise<number> {
    return this.#options.inner.partitions(topic)
  }

  positions(group: string): Promise<readonly PartitionPosition[]> {
    return this.#options.inner.positions(group)
  }

  read(spec: ReadSpec, receive: Receive): Promise<TransportReader> {
    return this.#options.inner.read(spec, receive)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sending
    return this.#options.inner[Symbol.asyncDispose]()
  }

  /** See `MemoryTransport.members`. */
  get members(): readonly string[] {
    return this.#options.inner.members
  }

  crash(): void {
    this.#isCrashed = true
    this.#options.inner.crash()
  }

  async #store(records: readonly OutboundRecord[]): Promise<readonly RecordPosition[]> {
    const { inner, faults, groups, observer } = this.#options
    const positions = await inner.send(records)
    observer.stored?.(records, positions)
    const moved = faults.groupToRebalance([...groups])
    if (moved !== undefined) void inner.broker.rebalance(moved)
    return positions
  }

  #watched(spec: SubscribeSpec, batch: DeliveryBatch): DeliveryBatch {
    const { observer } = this.#options
    if (!observer.delivered && !observer.settled) return batch
    const { topic, partition, signal } = batch
    const { group, maxInFlight } = spec
    const ownership = { group, bus: this.#bus, topic, partition, maxInFlight, signal }
    return {
      ...batch,
      deliveries: batch.deliveries.map(delivery => watchedDelivery(ownership, delivery, observer)),
    }
  }

  /** The way of a send to the broker: none arrives before those ahead of it. Each has a timer of its own. */
  async #travel(): Promise<void> {
    const { runtime, random, latencyMs } = this.#options
    if (latencyMs === 0) return
    this.#arrivesAtMs = Math.max(this.#arrivesAtMs, runtime.now() + random.below(latencyMs + 1))
    await this.#sleep(this.#arrivesAtMs - runtime.now())
  }

  async #sleep(delayMs: number): Promise<void> {
    const { runtime, activities } = this.#options
    activities.travelling += 1
    await sleep(runtime, delayMs)
    activities.travelling -= 1
  }

  /** Some turns by chance, and some virtual milliseconds if there is a latency. */
  async #latency(latencyMs = this.#options.latencyMs): Promise<void> {
    const { runtime, random } = this.#options
    if (latencyMs > 0) await this.#sleep(random.below(latencyMs + 1))
    for (let turns = random.below(3); turns > 0; turns -= 1)
      await new Promise<void>(resolve => runtime.defer(resolve))
    if (this.#isCrashed) throw new BusbarError('BUS_CLOSED', 'the test bus crashed')
  }
}

function watchedDelivery(ownership: Ownership, delivery: Delivery, observer: TestObserver): Delivery {
  const watched: Delivery = {
    record: delivery.record,
    attempt: delivery.attempt,
    ...(delivery.refused && { refused: delivery.refused }),
    settle: outcome => {
      const counted = delivery.settle(outcome)
      observer.settled?.(ownership, watched, outcome, counted)
      return counted
    },
  }
  observer.delivered?.(ownership, watched)
  return watched
}
