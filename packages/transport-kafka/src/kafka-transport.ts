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
  type TransportReader,
  type TransportSubscription,
} from '@busbar/core'
import { captureCluster } from './cluster.js'
import { registerCodecs } from './compression.js'
import { reachBrokers } from './connect.js'
import { GroupConsumer } from './group-consumer.js'
import { createKafka, type KafkaOverrides } from './kafka-client.js'
import type { Cluster } from './kafkajs-internals.js'
import { readCommitted } from './log-offsets.js'
import { type KafkaTransportOptions, type ResolvedOptions, resolveOptions } from './options.js'
import { PartitionReader } from './partition-reader.js'
import { createProducer } from './producer/producer.js'
import type { RecordSender } from './producer/record-sender.js'
import { SocketRegistry } from './socket-registry.js'
import { Topics } from './topics.js'
import { Transactions } from './transaction/transactions.js'

/** A transport over Kafka. @throws BusbarError `CONFIG_INVALID` that names the option. */
export function kafkaTransport(options: KafkaTransportOptions): KafkaTransport {
  return new KafkaTransport(resolveOptions(options))
}

/** A reader loops by itself: kafkajs is not to wait long before it says that something failed. */
const readerRetry = { initialRetryTime: 100, maxRetryTime: 500, retries: 2 }

/** What a transport has once it is connected. */
interface Connection {
  readonly context: ConnectOptions
  readonly sockets: SocketRegistry
  readonly clusters: readonly Cluster[]
  readonly topics: Topics
  readonly sender: RecordSender
}

/** Busbar's Kafka transport. Made by {@link kafkaTransport}. */
export class KafkaTransport implements Transport {
  readonly name = 'kafka'
  readonly capabilities = { read: true, durable: true, kafkaPartitioning: true, transactions: true } as const
  readonly #options: ResolvedOptions
  readonly #subscriptions = new Set<GroupConsumer>()
  readonly #readers = new Set<PartitionReader>()
  #connection: Connection | undefined

  constructor(options: ResolvedOptions) {
    this.#options = options
  }

  async connect(context: ConnectOptions): Promise<void> {
    const { clientId, logger, runtime, signal } = context
    await reachBrokers({ options: this.#options, clientId, logger, runtime, signal })
    await registerCodecs()
    const sockets = new SocketRegistry()
    // Administration and sending each have connections of their own: requests of one connection wait for one another.
    const admin = captureCluster(this.#kafka(context, sockets))
    const sending = captureCluster(this.#kafka(context, sockets))
    const sender = await createProducer({ ...this.#options.producer, cluster: sending, runtime, logger })
    const topics = new Topics({ cluster: admin, runtime, defaults: this.#options.topics })
    this.#connection = { context, sockets, clusters: [admin, sending], topics, sender }
  }

  send(records: readonly OutboundRecord[]): Promise<readonly RecordPosition[]> {
    return this.#connected().sender.send(records)
  }

  async subscribe(spec: SubscribeSpec, deliver: Deliver): Promise<TransportSubscription> {
    const { context } = this.#connected()
    const { runtime, onEvent } = context
    const logger = context.logger.child({ group: spec.group })
    const subscription = new GroupConsumer({
      spec,
      deliver,
      runtime,
      logger,
      onEvent,
      consumer: this.#options.consumer,
      createKafka: sockets => this.#kafka({ ...context, logger }, sockets),
      transactions: spec.transactional ? await this.#transactions({ ...context, logger }) : undefined,
    })
    this.#subscriptions.add(subscription)
    const forget = () => this.#subscriptions.delete(subscription)
    subscription.closed.then(forget, forget)
    await subscription.join()
    return subscription
  }

  ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    return this.#connected().topics.ensure(topics)
  }

  partitions(topic: string): Promise<number> {
    return this.#connected().topics.partitions(topic)
  }

  positions(group: string): Promise<readonly PartitionPosition[]> {
    return this.#connected().topics.positions(group)
  }

  async read(spec: ReadSpec, receive: Receive): Promise<TransportReader> {
    const { context } = this.#connected()
    const { config } = this.#options.consumer
    const sockets = new SocketRegistry()
    const cluster = captureCluster(this.#kafka(context, sockets, { retry: readerRetry }))
    if (config.metadataMaxAge !== undefined) cluster.brokerPool.metadataMaxAge = config.metadataMaxAge
    const reader = new PartitionReader({
      spec,
      receive,
      sockets,
      cluster,
      runtime: context.runtime,
      logger: context.logger,
      limits: {
        maxWaitTime: config.maxWaitTimeInMs ?? 250,
        minBytes: config.minBytes ?? 1,
        maxBytes: config.maxBytes ?? 10_485_760,
        maxBytesPerPartition: config.maxBytesPerPartition ?? 1_048_576,
        isolationLevel: readCommitted,
        ...(config.rackId === undefined ? {} : { rackId: config.rackId }),
      },
    })
    this.#readers.add(reader)
    const forget = () => this.#readers.delete(reader)
    reader.closed.then(forget, forget)
    await reader.open()
    return reader
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = this.#connection
    this.#connection = undefined
    await Promise.all([...this.#readers].map(reader => reader[Symbol.asyncDispose]()))
    await Promise.all([...this.#subscriptions].map(subscription => subscription[Symbol.asyncDispose]()))
    if (!connection) return
    await connection.sender.close()
    connection.sockets.close(new BusbarError('BUS_CLOSED', 'The Kafka transport was closed'))
    for (const cluster of connection.clusters) void cluster.disconnect().catch(() => {})
  }

  /**
   * Is gone at once, as if the process had died: nothing is sent any more, committed or left. For tests of crashes only.
   * @internal
   */
  abandon(): void {
    for (const subscription of this.#subscriptions) subscription.abandon()
    for (const reader of this.#readers) void reader[Symbol.asyncDispose]()
    this.#connection?.sockets.close(new BusbarError('BUS_CLOSED', 'The Kafka transport was abandoned'))
    this.#connection = undefined
  }

  #transactions(context: ConnectOptions): Promise<Transactions> {
    const { producer, transactionTimeoutMs } = this.#options
    const sockets = new SocketRegistry()
    const cluster = captureCluster(this.#kafka(context, sockets))
    const { runtime, logger } = context
    return Transactions.create({ producer, transactionTimeoutMs, cluster, sockets, runtime, logger })
  }

  #kafka({ clientId, logger }: ConnectOptions, sockets: SocketRegistry, overrides?: KafkaOverrides) {
    return createKafka(this.#options, clientId, logger, sockets, overrides)
  }

  #connected(): Connection {
    if (!this.#connection) throw new BusbarError('BUS_CLOSED', 'The Kafka transport is not connected')
    return this.#connection
  }
}
