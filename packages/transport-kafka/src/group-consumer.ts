import {
  BusbarError,
  type Deliver,
  type Logger,
  type Runtime,
  type SubscribeSpec,
  sleep,
  type TopicPartition,
  type TransportEvent,
  type TransportSubscription,
} from '@busbar/core'
import type { Kafka } from 'kafkajs'
import { onceCoordinatorReady } from './coordinator-ready.js'
import { GroupMember } from './group-member.js'
import { HeldPartitions } from './held-partitions.js'
import { isFinal } from './kafka-error.js'
import type { ConsumerOptions } from './options.js'
import { RestartPolicy } from './restart-policy.js'
import { SocketRegistry } from './socket-registry.js'
import type { Transactions } from './transaction/transactions.js'

export interface GroupConsumerOptions {
  readonly spec: SubscribeSpec
  readonly deliver: Deliver
  readonly runtime: Runtime
  readonly logger: Logger
  readonly onEvent: (event: TransportEvent) => void
  readonly consumer: ConsumerOptions
  /** A kafkajs client whose sockets are known to `sockets`. */
  readonly createKafka: (sockets: SocketRegistry) => Kafka
  /** For a transactional subscription; closed with it. */
  readonly transactions?: Transactions | undefined
}

/**
 * A group's consumer that is restarted when it dies, within bounds. Restarts make a new member: what is unfinished then
 * is revoked and comes again, here or elsewhere.
 */
export class GroupConsumer implements TransportSubscription {
  readonly closed: Promise<void>
  readonly #options: GroupConsumerOptions
  readonly #held: HeldPartitions
  #topics: readonly string[]
  #member: GroupMember | undefined
  #sockets: SocketRegistry
  readonly #restarts: RestartPolicy
  #restarting: Promise<void> | undefined
  #changing: Promise<void> = Promise.resolve()
  #disposing: Promise<void> | undefined
  readonly #over = new AbortController()
  #settleClosed: { resolve: () => void; reject: (error: BusbarError) => void } = {
    resolve: () => {},
    reject: () => {},
  }

  /** Joins nothing yet: see {@link join}. It can be disposed from the beginning on. */
  constructor(options: GroupConsumerOptions) {
    const { spec, consumer, transactions, ...rest } = options
    // Heartbeats wait while a member begins: it must be done well before its session is over.
    const beginWithinMs = (consumer.config.sessionTimeout ?? 30_000) / 2
    this.#options = options
    this.#topics = spec.topics
    this.#sockets = new SocketRegistry()
    this.#restarts = new RestartPolicy(options.runtime, consumer.restarts)
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject }
    })
    // Whoever does not watch it has the event `consumer-failed`.
    this.closed.catch(() => {})
    this.#held = new HeldPartitions({
      ...rest,
      spec,
      commitIntervalMs: consumer.commitIntervalMs,
      maxBytesPerPartition: consumer.config.maxBytesPerPartition ?? 1_048_576,
      onProgress: () => this.#restarts.progressed(),
      transactions: transactions && { shared: transactions, beginWithinMs },
      onFailed: error => this.#failed(error),
    })
  }

  /** Joins the group, once. Rejects with a `BusbarError`, and is closed, where that fails or it is disposed meanwhile. */
  async join(): Promise<void> {
    const joining = onceCoordinatorReady(this.#options.runtime, () => this.#join(), this.#over.signal)
    // Whoever disposes does not wait for kafkajs to notice.
    joining.catch(() => {})
    try {
      await Promise.race([joining, this.closed])
      this.#checkOpen()
    } catch (error) {
      const closedMeanwhile = this.#over.signal.aborted
      await this[Symbol.asyncDispose]()
      if (closedMeanwhile) this.#checkOpen()
      throw error
    }
  }

  setTopics(topics: readonly string[]): Promise<void> {
    this.#changing = this.#changing.catch(() => {}).then(() => this.#setTopics(topics))
    return this.#changing
  }

  pause(): void {
    this.#held.pause()
  }

  resume(): void {
    this.#held.resume()
  }

  seek(target: TopicPartition, to: 'earliest' | 'latest' | number): Promise<void> {
    return this.#held.seek(target, to)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose()
    return this.#disposing
  }

  /** Is gone at once, as if the process had died: no commit, no leave. For tests of crashes. */
  abandon(): void {
    const reason = new BusbarError('BUS_CLOSED', 'The subscription was abandoned')
    this.#end()
    this.#sockets.close(reason)
    this.#held.drop(reason)
    // Only ends kafkajs's timers: without connections it can't leave.
    void this.#member?.leave()
    this.#options.transactions?.close(reason)
    this.#disposing ??= Promise.resolve()
    this.#settleClosed.resolve()
  }

  async #setTopics(topics: readonly string[]): Promise<void> {
    const { group } = this.#options.spec
    if (topics.length === 0)
      throw new BusbarError('CONFIG_INVALID', `Group ${group} needs at least one topic`)
    await this.#restarting
    this.#checkOpen()
    const before = this.#topics
    this.#topics = topics
    try {
      await this.#member?.rejoin(topics)
    } catch (error) {
      // A consumer that died of it is restarted, with the new topics.
      if (this.#restarting) return this.#restarting
      this.#topics = before
      throw error
    }
  }

  #checkOpen(): void {
    if (!this.#over.signal.aborted) return
    throw new BusbarError('BUS_CLOSED', `The subscription of group ${this.#options.spec.group} is closed`)
  }

  async #join(): Promise<void> {
    const { spec, consumer, createKafka, logger } = this.#options
    this.#checkOpen()
    this.#sockets = new SocketRegistry()
    const member = new GroupMember({
      kafka: createKafka(this.#sockets),
      sockets: this.#sockets,
      group: spec.group,
      config: consumer.config,
      logger,
      claim: () => this.#held.claim(this.#topics),
      hooks: {
        beforeJoin: () => this.#held.beforeJoin(),
        formerMember: () => this.#held.formerMember(),
        joined: generation => this.#held.joined(generation),
        position: (topic, partition) => this.#held.position(topic, partition),
        fetch: (broker, request) => this.#held.fetch(broker, request),
      },
      onCrash: error => this.#crashed(error),
    })
    this.#member = member
    await member.start(this.#topics)
    if (!this.#over.signal.aborted) this.#restarts.joined()
  }

  /** What the member itself does not notice: it has to go, as if it had crashed. */
  #failed(error: BusbarError): void {
    if (this.#over.signal.aborted) return
    void this.#member?.leave()
    this.#crashed(error)
  }

  #crashed(error: BusbarError): void {
    if (this.#over.signal.aborted) return
    this.#restarting = this.#restart(error).finally(() => {
      this.#restarting = undefined
    })
  }

  /** Never rejects: what can't be mended ends the subscription. */
  async #restart(error: BusbarError): Promise<void> {
    const { spec, onEvent, runtime } = this.#options
    this.#sockets.close(error)
    this.#held.drop(error)
    const next = isFinal(error) ? undefined : this.#restarts.died()
    if (!next) return this.#fail(error)
    onEvent({ type: 'consumer-restarting', group: spec.group, restart: next.restart, error })
    try {
      await sleep(runtime, next.delayMs, this.#over.signal)
      await this.#join()
      onEvent({ type: 'consumer-restarted', group: spec.group, restart: next.restart })
    } catch (again) {
      if (!this.#over.signal.aborted) return this.#restart(again as BusbarError)
    }
  }

  #fail(error: BusbarError): void {
    this.#end()
    this.#options.transactions?.close(error)
    this.#options.onEvent({ type: 'consumer-failed', group: this.#options.spec.group, error })
    this.#settleClosed.reject(error)
  }

  #end(): void {
    this.#over.abort()
    this.#restarts.stop()
  }

  async #dispose(): Promise<void> {
    const { spec, consumer, runtime } = this.#options
    const reason = new BusbarError('BUS_CLOSED', `The subscription of group ${spec.group} was closed`)
    this.#end()
    const left = this.#held.close(reason).then(() => this.#member?.leave())
    const timer = new AbortController()
    await Promise.race([left, sleep(runtime, consumer.closeTimeoutMs, timer.signal).catch(() => {})])
    timer.abort()
    this.#sockets.close(reason)
    this.#held.drop(reason)
    this.#options.transactions?.close(reason)
    this.#settleClosed.resolve()
  }
}
