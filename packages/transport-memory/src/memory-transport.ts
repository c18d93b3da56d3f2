import {
  BusbarError,
  type ConnectOptions,
  type Deliver,
  type OutboundRecord,
  type PartitionPosition,
  type ReadSpec,
  type Receive,
  type RecordPosition,
  type SubscribeSpec,
  type TopicSpec,
  type Transport,
  type TransportCapabilities,
  type TransportReader,
  type TransportSubscription,
} from '@busbar/core'
import { GroupMember } from './group-member.js'
import { LogReader } from './log-reader.js'
import { type MemoryBroker, memoryBroker } from './memory-broker.js'
import { RecordSender } from './record-sender.js'

export interface MemoryTransportOptions {
  /** The broker to meet others at. Default: one of its own, which ends with the transport. */
  readonly broker?: MemoryBroker
  /**
   * How long a finished prefix may wait for its commit, in milliseconds; revocation and closing commit at once. What a
   * member finished and had not committed comes again after a crash. Default: 5.
   */
  readonly commitIntervalMs?: number
}

/** One service's connection to a {@link MemoryBroker}. */
export interface MemoryTransport extends Transport {
  readonly broker: MemoryBroker
  /**
   * Stops like a killed process: nothing more is committed or sent, groups are not left, readers fall silent. Signals
   * abort, so that handlers in this process end, but settling has no effect any more.
   */
  crash(): void
  /**
   * Stands still like a stopped process: takes part in nothing, and does not learn of it when its groups go on without it
   * after their session timeout. Call what it returns to continue: what it had finished is then refused where it came too
   * late, and it joins anew. Readers go on.
   */
  freeze(): () => void
  /** The ids of its members of groups. */
  readonly members: readonly string[]
}

/** Makes a transport that moves records within this process. */
export function memoryTransport(options: MemoryTransportOptions = {}): MemoryTransport {
  return new BrokerTransport(options)
}

interface Connection extends ConnectOptions {
  readonly sender: RecordSender
}

class BrokerTransport implements MemoryTransport {
  readonly name = 'memory'
  readonly broker: MemoryBroker
  readonly capabilities: TransportCapabilities
  readonly #commitIntervalMs: number
  readonly #members = new Set<GroupMember>()
  readonly #readers = new Set<LogReader>()
  #connection: Connection | undefined

  constructor(options: MemoryTransportOptions) {
    this.broker = options.broker ?? memoryBroker()
    this.capabilities = {
      read: true,
      durable: options.broker !== undefined,
      kafkaPartitioning: true,
      transactions: true,
    }
    this.#commitIntervalMs = options.commitIntervalMs ?? 5
  }

  async connect(options: ConnectOptions): Promise<void> {
    if (options.signal?.aborted) {
      throw new BusbarError('ABORTED', 'connecting was aborted', { cause: options.signal.reason })
    }
    this.#connection = { ...options, sender: new RecordSender(this.broker, options.runtime) }
  }

  async send(records: readonly OutboundRecord[]): Promise<readonly RecordPosition[]> {
    return this.#connected().sender.send(records)
  }

  async subscribe(spec: SubscribeSpec, deliver: Deliver): Promise<TransportSubscription> {
    const connection = this.#connected()
    for (const topic of spec.topics) this.broker.topic(topic)
    const member = new GroupMember({
      broker: this.broker,
      connection,
      sender: connection.sender,
      spec,
      deliver,
      commitIntervalMs: this.#commitIntervalMs,
      onEnd: ended => this.#members.delete(ended),
    })
    this.#members.add(member)
    await member.join()
    return member
  }

  async read(spec: ReadSpec, receive: Receive): Promise<TransportReader> {
    const { runtime } = this.#connected()
    const topic = this.broker.topic(spec.topic)
    const reader = new LogReader({
      topic,
      spec,
      receive,
      runtime,
      onEnd: ended => this.#readers.delete(ended),
    })
    this.#readers.add(reader)
    return reader
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    this.#connected()
    for (const topic of topics) this.broker.ensureTopic(topic)
  }

  async partitions(topic: string): Promise<number> {
    this.#connected()
    return this.broker.topic(topic).logs.length
  }

  async positions(group: string): Promise<readonly PartitionPosition[]> {
    this.#connected()
    return this.broker.positions(group)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#members, ...this.#readers].map(open => open[Symbol.asyncDispose]()))
    this.#connection = undefined
  }

  crash(): void {
    for (const member of this.#members) member.crash()
    for (const reader of this.#readers) reader.crash()
    this.#connection = undefined
  }

  freeze(): () => void {
    const frozen = [...this.#members]
    for (const member of frozen) member.freeze()
    return () => {
      for (const member of frozen) member.thaw()
    }
  }

  get members(): readonly string[] {
    return [...this.#members].map(({ id }) => id)
  }

  #connected(): Connection {
    if (this.#connection) return this.#connection
    throw new BusbarError(
      'BUS_CLOSED',
      'the memory transport is not connected: it was closed, crashed, or never connected',
    )
  }
}
