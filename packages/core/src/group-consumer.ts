import { BatchRunner } from './batch-runner.js'
import { Consumer, type ConsumerOptions } from './consume.js'
import { BusbarError } from './error.js'
import { LaneRunner } from './lane-runner.js'
import type { OwnTopic } from './own-topic.js'
import type { Runner } from './runner.js'
import type { BoundSubscription } from './subscription.js'
import type { ContractTopic } from './topic.js'
import type { Deliver, TransportSubscription } from './transport.js'

/** How a group consumes. Each setting is of the whole group: its subscriptions must agree. */
export interface GroupSettings {
  readonly from: 'earliest' | 'latest'
  /** Deliveries that run at a time. */
  readonly concurrency: number
  /** Records of one partition that may be delivered and unfinished. */
  readonly maxInFlight: number
  /** Whether positions are committed together with what acknowledgements bring with them. */
  readonly transactional: boolean
}

/** Where a group's records come from: a transport subscription, or readers without a group for a broadcast. */
export type Intake = Pick<
  TransportSubscription,
  'closed' | 'setTopics' | 'pause' | typeof Symbol.asyncDispose
>

export interface GroupConsumerOptions extends ConsumerOptions {
  readonly settings: GroupSettings
  /** Makes sure of a topic before it is joined. */
  readonly ensureTopic: (topic: ContractTopic) => Promise<void> | undefined
  /** Makes sure of a topic by which records come back; false if there is none and none may be created. */
  readonly ensureReturnTopic: (topic: OwnTopic) => Promise<boolean>
  readonly open: (topics: readonly string[], deliver: Deliver) => Promise<Intake>
}

/** One group of this bus: its subscriptions, the runners of their deliveries, and the intake that feeds them. */
export class GroupConsumer {
  readonly consumer: Consumer
  readonly #options: GroupConsumerOptions
  readonly #lanes: LaneRunner
  readonly #batches = new Map<string, BatchRunner>()
  #intake: Intake | undefined
  #joined: readonly string[] = []
  #isClosed = false
  /** Changes of the intake run one after the other. */
  #changes: Promise<void> = Promise.resolve()

  constructor(options: GroupConsumerOptions) {
    this.#options = options
    this.consumer = new Consumer(options)
    this.#lanes = new LaneRunner({
      concurrency: options.settings.concurrency,
      maxQueued: options.settings.maxInFlight,
      handle: this.consumer.handle,
    })
  }

  get settings(): GroupSettings {
    return this.#options.settings
  }

  /** The topics that it receives. */
  get joined(): readonly string[] {
    return this.#joined
  }

  /** Deliveries whose handlers run now. */
  get running(): number {
    return this.#runners.reduce((sum, runner) => sum + runner.running, 0)
  }

  add(subscription: BoundSubscription): void {
    this.consumer.add(subscription)
    if (subscription.batch) {
      const runner = new BatchRunner({
        ...subscription.batch,
        runtime: this.#options.runtime,
        maxQueued: this.#options.settings.maxInFlight,
        handle: this.consumer.handle,
      })
      this.#batches.set(subscription.contract.topic.name, runner)
    }
  }

  /** Joins, or rejoins when the topics have changed; resolves when this member can receive. */
  join(): Promise<void> {
    return this.#change(async () => {
      if (this.#isClosed)
        throw new BusbarError('BUS_CLOSED', 'this group was closed while it was to be joined')
      if (this.consumer.subscriptions.length === 0) return
      this.consumer.freeze()
      const topics = await this.#ensureTopics()
      if (sameTopics(topics, this.#joined)) return
      if (this.#intake) await this.#intake.setTopics(topics)
      else this.#intake = await this.#open(topics)
      this.#joined = topics
    })
  }

  /** Leaves without ending: it can join again. For a start that failed in part. */
  leave(): Promise<void> {
    return this.#change(async () => {
      const intake = this.#intake
      this.#intake = undefined
      this.#joined = []
      await intake?.[Symbol.asyncDispose]()
    })
  }

  /**
   * Removes a subscription: what it runs may finish until `deadline`. Its topic is left when nobody else here wants it;
   * what still comes of it meanwhile is handed back.
   */
  async remove(subscription: BoundSubscription, deadline: AbortSignal): Promise<void> {
    this.consumer.remove(subscription)
    const topic = subscription.contract.topic.name
    if (this.consumer.subscriptions.length === 0) return this.close(deadline)
    const batches = subscription.batch && this.#batches.get(topic)
    if (batches) {
      for (const each of [topic, ...subscription.returnTopics]) this.#batches.delete(each)
      await batches.drain(deadline)
    } else {
      await subscription.finish(deadline)
    }
    if (this.#intake) await this.join()
  }

  /** Stops the intake, lets what runs finish until `deadline`, commits, and leaves. */
  close(deadline: AbortSignal): Promise<void> {
    return this.#change(async () => {
      this.#isClosed = true
      this.#intake?.pause()
      await Promise.all(this.#runners.map(runner => runner.drain(deadline)))
      const intake = this.#intake
      this.#intake = undefined
      await intake?.[Symbol.asyncDispose]()
    })
  }

  async #open(topics: readonly string[]): Promise<Intake> {
    const intake = await this.#options.open(topics, this.#deliver)
    intake.closed.catch((thrown: unknown) =>
      this.#options.logger.error({ err: thrown }, 'the intake of a group ended by itself'),
    )
    return intake
  }

  async #ensureTopics(): Promise<readonly string[]> {
    const topics = new Set<string>()
    for (const subscription of this.consumer.subscriptions) {
      const { topic } = subscription.contract
      await this.#options.ensureTopic(topic)
      topics.add(topic.name)
      const runner = this.#batches.get(topic.name)
      for (const name of subscription.returnTopics) {
        if (await this.#options.ensureReturnTopic({ name, like: topic.name })) topics.add(name)
        if (runner && subscription.batch) this.#batches.set(name, runner)
      }
    }
    return [...topics]
  }

  readonly #deliver: Deliver = batch => (this.#batches.get(batch.topic) ?? this.#lanes).deliver(batch)

  get #runners(): readonly Runner[] {
    return [this.#lanes, ...new Set(this.#batches.values())]
  }

  #change(change: () => Promise<void>): Promise<void> {
    const changed = this.#changes.then(change)
    this.#changes = changed.catch(() => {})
    return changed
  }
}

function sameTopics(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every(topic => other.includes(topic))
}
