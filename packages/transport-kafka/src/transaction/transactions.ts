import { type Logger, type Runtime, reasonOf, type TopicPartition } from '@busbar/core'
import { type Codec, loadCodec } from '../compression.js'
import type { Cluster } from '../kafkajs-internals.js'
import type { PublishOptions } from '../options.js'
import type { BrokerNode } from '../producer/broker-links.js'
import { ControlLink } from '../producer/control-link.js'
import { meaningOf } from '../producer/error-codes.js'
import { backoffMs, type ProducerSettings, settingsOf } from '../producer/producer-options.js'
import { TopicDirectory } from '../producer/topic-directory.js'
import type { SocketRegistry } from '../socket-registry.js'
import { BrokerLanes } from './broker-lanes.js'
import { type Attempt, Coordinators, pause, tooLate } from './coordinators.js'
import { type GroupOffset, stableOffsets } from './group-offsets-protocol.js'
import { aborted } from './transaction-failure.js'
import { TransactionalProducer } from './transactional-producer.js'

export interface TransactionsOptions {
  readonly producer: PublishOptions
  readonly transactionTimeoutMs: number
  readonly cluster: Cluster
  /** Of the cluster: cut when this is closed. */
  readonly sockets: SocketRegistry
  readonly runtime: Runtime
  readonly logger: Logger
}

/** How many connections of each kind go to one broker: so many commits are side by side there. */
const lanesPerBroker = 4

/** What the transactions of one subscription share: connections, coordinators, the topics that are written. */
export class Transactions {
  readonly transactionTimeoutMs: number
  readonly settings: ProducerSettings
  readonly codec: Codec | undefined
  readonly lanes: BrokerLanes
  readonly coordinators: Coordinators
  readonly directory: TopicDirectory
  /** The brokers of the cluster by node id, as the metadata had them last. */
  readonly nodes = new Map<number, BrokerNode>()
  readonly #control: ControlLink
  readonly #sockets: SocketRegistry

  /** @throws BusbarError `CONFIG_INVALID` for an option out of range or a compression whose package is missing. */
  static async create(options: TransactionsOptions): Promise<Transactions> {
    return new Transactions(options, await loadCodec(options.producer.compression ?? 'none'))
  }

  private constructor(options: TransactionsOptions, codec: Codec | undefined) {
    const { producer, cluster, runtime, logger, sockets } = options
    const settings = settingsOf({ ...producer, cluster, runtime, logger })
    this.transactionTimeoutMs = options.transactionTimeoutMs
    this.settings = settings
    this.codec = codec
    this.#sockets = sockets
    this.#control = new ControlLink(cluster, runtime, settings.controlTimeoutMs)
    this.lanes = new BrokerLanes(cluster, runtime, settings.controlTimeoutMs)
    this.coordinators = new Coordinators({ lanes: this.lanes, control: this.#control, settings })
    this.directory = new TopicDirectory({
      control: this.#control,
      links: { setNodes: nodes => this.#setNodes(nodes) },
      settings,
      onMoved: () => {},
    })
  }

  /** A producer of a transactional id. Those with equal numbers, modulo a few, take turns at a broker. */
  producer(transactionalId: string, number: number): TransactionalProducer {
    return new TransactionalProducer(this, transactionalId, String(number % lanesPerBroker))
  }

  /** So long from now, at most. */
  attempt(signal: AbortSignal, ms = this.transactionTimeoutMs): Attempt {
    return { until: this.settings.clock() + ms, signal }
  }

  /**
   * The committed positions of a group, once no open transaction has one for these partitions any more.
   *
   * @throws TransactionFailure
   */
  async committed(
    group: string,
    partitions: readonly TopicPartition[],
    attempt: Attempt,
  ): Promise<readonly GroupOffset[]> {
    const { offsets } = await this.coordinators.ask({
      ...attempt,
      of: 'group',
      key: group,
      lane: 'offsets',
      doing: `Reading the positions of group ${group}`,
      protocol: () => stableOffsets(group, partitions),
    })
    return offsets
  }

  close(reason: Error): void {
    this.lanes.close()
    this.#control.close()
    this.#sockets.close(reason)
  }

  /** Until the topic is known. @throws TransactionFailure where it can't be written. */
  async loadTopic(name: string, attempt: Attempt): Promise<void> {
    const topic = this.directory.get(name)
    this.directory.refreshOld(this.settings.clock())
    for (let failures = 1; !topic.loaded; failures++) {
      await this.directory.refresh(topic)
      if (topic.loaded) return
      const error = this.directory.errorOf(topic)
      if (error) throw aborted(error.message, { code: error.code, retryable: error.retryable, cause: error })
      const cause = topic.lastError ?? new Error(meaningOf(topic.errorCode).name)
      const failure = aborted(`Topic ${topic.name} could not be looked up: ${reasonOf(cause)}`, { cause })
      if (attempt.signal.aborted) throw failure
      if (this.settings.clock() >= attempt.until) throw tooLate(failure)
      await pause(this.settings.runtime, backoffMs(this.settings, failures), attempt.signal)
    }
  }

  #setNodes(nodes: readonly BrokerNode[]): void {
    this.nodes.clear()
    for (const node of nodes) this.nodes.set(node.nodeId, node)
  }
}
