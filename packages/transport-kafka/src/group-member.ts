import { BusbarError, type Logger } from '@busbar/core'
import type { Assigner, Consumer, ConsumerConfig, Kafka } from 'kafkajs'
import { type Claim, createAssigner } from './assigner.js'
import { missingInternals } from './cluster.js'
import { type GateHooks, gateCluster, type JoinGate } from './coordinator-gate.js'
import { kafkaError } from './kafka-error.js'
import type { Cluster } from './kafkajs-internals.js'
import type { SocketRegistry } from './socket-registry.js'
import { withTopicReason } from './topic-reason.js'

export interface GroupMemberOptions {
  readonly kafka: Kafka
  readonly sockets: SocketRegistry
  readonly group: string
  readonly config: Omit<ConsumerConfig, 'groupId' | 'partitionAssigners'>
  readonly logger: Logger
  readonly claim: () => Claim
  readonly hooks: Omit<GateHooks, 'closed' | 'mustRejoin'>
  /** Called once, when kafkajs's consumer has stopped by itself after it had joined. */
  readonly onCrash: (error: BusbarError) => void
}

/** One life of a kafkajs consumer in a group: it joins, lives, and leaves or crashes. Never restarts itself. */
export class GroupMember {
  readonly #options: GroupMemberOptions
  readonly #consumer: Consumer
  #cluster: Cluster | undefined
  #gate: JoinGate | undefined
  #ended = false
  #rejoin = false
  #crash: BusbarError | undefined
  #joinWaiters: { resolve: () => void; reject: (error: BusbarError) => void }[] = []
  #joined = false

  constructor(options: GroupMemberOptions) {
    this.#options = options
    this.#consumer = options.kafka.consumer({
      ...options.config,
      groupId: options.group,
      // What is more than a passing trouble is the caller's: kafkajs restarts without bound, and without saying so.
      retry: { ...options.config.retry, restartOnFailure: async () => false },
      partitionAssigners: [({ cluster }) => this.#enter(cluster)],
    })
    this.#consumer.on(this.#consumer.events.GROUP_JOIN, () => {
      this.#joined = true
      this.#settleJoin(undefined)
    })
    this.#consumer.on(this.#consumer.events.CRASH, ({ payload }) => this.#crashed(payload.error))
  }

  get cluster(): Cluster {
    return this.#cluster as Cluster
  }

  /** Joins. Rejects with a `BusbarError` where that fails; the member is of no use then. */
  async start(topics: readonly string[]): Promise<void> {
    const { group } = this.#options
    try {
      await this.#consumer.connect()
      await this.#subscribe(topics)
      if (this.#ended) throw this.#leftError()
      const joined = this.#nextJoin()
      const running = this.#consumer.run({
        autoCommit: false,
        partitionsConsumedConcurrently: 1,
        eachBatch: async () => {},
      })
      // Whoever leaves meanwhile need not wait for kafkajs to notice.
      await Promise.race([running.then(() => joined), joined])
    } catch (error) {
      void this.leave()
      throw kafkaError(error, { doing: `Joining the consumer group ${group}`, fallback: 'CONSUMER_CRASHED' })
    }
  }

  /** Joins again, with what {@link GroupMemberOptions.claim} says then. */
  async rejoin(topics: readonly string[]): Promise<void> {
    await withTopicReason(this.cluster, topics, () => this.cluster.addMultipleTargetTopics(topics))
    const joined = this.#nextJoin()
    this.#rejoin = true
    await joined
    // A topic that is no longer read may be deleted: it must not fail the metadata of the others.
    this.cluster.targetTopics = new Set(topics)
  }

  /** Leaves the group, if a broker answers, and closes the connections. Never rejects. */
  async leave(): Promise<void> {
    const { sockets, logger } = this.#options
    const left = this.#leftError()
    this.#ended = true
    this.#settleJoin(left)
    const log = (error: unknown) => logger.debug({ err: error }, 'kafkajs did not stop as it should')
    await this.#consumer.stop().catch(log)
    await this.#gate?.settled()
    // kafkajs would wait for what is under way, and for ever where the broker is gone.
    sockets.close(left)
    void this.#consumer.disconnect().catch(log)
  }

  async #subscribe(topics: readonly string[]): Promise<void> {
    // kafkajs's own reset, which is never to happen, goes to the earliest record.
    const subscribe = () => this.#consumer.subscribe({ topics: [...topics], fromBeginning: true })
    await withTopicReason(this.cluster, topics, subscribe)
  }

  #enter(kafkaCluster: unknown): Assigner {
    const { group, hooks, logger, claim } = this.#options
    if (missingInternals(kafkaCluster).length > 0) throw new Error('this kafkajs is not version 2.2.4')
    const cluster = kafkaCluster as Cluster
    this.#cluster = cluster
    this.#gate = gateCluster(cluster, group, {
      ...hooks,
      closed: () => this.#ended,
      mustRejoin: () => this.#takeRejoin(),
    })
    return createAssigner({ cluster, logger, claim })
  }

  #leftError(): BusbarError {
    return new BusbarError('ABORTED', `The member has left the group ${this.#options.group}`)
  }

  #takeRejoin(): boolean {
    const rejoin = this.#rejoin
    this.#rejoin = false
    return rejoin
  }

  #nextJoin(): Promise<void> {
    if (this.#crash) return Promise.reject(this.#crash)
    if (this.#ended) return Promise.reject(this.#leftError())
    return new Promise((resolve, reject) => this.#joinWaiters.push({ resolve, reject }))
  }

  #settleJoin(error: BusbarError | undefined): void {
    const waiters = this.#joinWaiters
    this.#joinWaiters = []
    for (const { resolve, reject } of waiters) {
      if (error) reject(error)
      else resolve()
    }
  }

  #crashed(thrown: unknown): void {
    if (this.#ended) return
    this.#ended = true
    const { group, onCrash } = this.#options
    this.#crash = kafkaError(thrown, { doing: `Consuming in group ${group}`, fallback: 'CONSUMER_CRASHED' })
    this.#settleJoin(this.#crash)
    if (this.#joined) onCrash(this.#crash)
  }
}
