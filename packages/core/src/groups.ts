import { openBroadcast } from './broadcast.js'
import type { BusSettings, SubscribeOptions } from './bus-options.js'
import type { DeliveryReport } from './consume.js'
import { BusbarError } from './error.js'
import { GroupConsumer, type GroupSettings } from './group-consumer.js'
import type { Problems } from './health.js'
import type { JoinedGroup } from './lag-watch.js'
import type { OwnTopic, OwnTopics } from './own-topic.js'
import type { HeldPartitions } from './partition-progress.js'
import { untilAborted } from './runner.js'
import type { BoundSubscription } from './subscription.js'
import type { TopicRegistry } from './topic-registry.js'
import { positive } from './validate.js'

/** The groups that this bus takes part in, by name; `false` is its broadcast subscriptions. */
export class Groups {
  readonly #settings: BusSettings
  readonly #topics: TopicRegistry
  readonly #ownTopics: OwnTopics
  readonly #problems: Problems
  readonly #held: HeldPartitions
  readonly #onDelivery: () => ((report: DeliveryReport) => void) | undefined
  readonly #groups = new Map<string | false, GroupConsumer>()
  /** Subscriptions on their way out. */
  readonly #removing = new Set<Promise<void>>()

  constructor(
    settings: BusSettings,
    topics: TopicRegistry,
    ownTopics: OwnTopics,
    onDelivery: () => ((report: DeliveryReport) => void) | undefined,
    problems: Problems,
    held: HeldPartitions,
  ) {
    this.#settings = settings
    this.#topics = topics
    this.#ownTopics = ownTopics
    this.#onDelivery = onDelivery
    this.#problems = problems
    this.#held = held
  }

  get all(): readonly GroupConsumer[] {
    return [...this.#groups.values()]
  }

  /** Without the broadcast subscriptions, which have no positions. */
  get joined(): readonly JoinedGroup[] {
    return [...this.#groups].flatMap(([group, { joined, settings }]) =>
      group === false ? [] : [{ group, topics: joined, transactional: settings.transactional }],
    )
  }

  has(group: string): boolean {
    return this.#groups.has(group)
  }

  /** The topics that this bus subscribed to in a group. */
  topicsOf(group: string): readonly string[] {
    const subscriptions = this.#groups.get(group)?.consumer.subscriptions ?? []
    return [...new Set(subscriptions.map(each => each.contract.topic.name))]
  }

  /**
   * Adds a subscription to its group.
   * @throws BusbarError `CONFIG_INVALID` when it contradicts one that is there.
   */
  add(subscription: BoundSubscription, options: SubscribeOptions): GroupConsumer {
    const { group } = subscription
    const settings = this.#settingsOf(options, this.#groups.get(group)?.settings, subscription)
    refuseMix(subscription, this.#groups.get(group)?.settings)
    const consumer = this.#groups.get(group) ?? this.#create(group, settings)
    refuseClash(subscription, consumer.consumer.subscriptions)
    consumer.add(subscription)
    this.#groups.set(group, consumer)
    return consumer
  }

  async remove(subscription: BoundSubscription, deadline: AbortSignal): Promise<void> {
    const consumer = this.#groups.get(subscription.group)
    const subscriptions = consumer?.consumer.subscriptions ?? []
    if (!consumer || !subscriptions.includes(subscription)) return
    // The next subscription of a group that becomes empty starts it anew.
    if (subscriptions.length === 1) this.#groups.delete(subscription.group)
    const removing = consumer.remove(subscription, deadline)
    this.#removing.add(removing)
    try {
      await removing
    } finally {
      this.#removing.delete(removing)
      const { group } = subscription
      if (group !== false && !this.#groups.has(group)) this.#problems.left(group)
    }
  }

  /** Closes every group, and waits for those that are being left. */
  async close(deadline: AbortSignal): Promise<readonly PromiseSettledResult<void>[]> {
    const removing = [...this.#removing].map(each => untilAborted(each, deadline))
    return Promise.allSettled([...this.all.map(group => group.close(deadline)), ...removing])
  }

  #settingsOf(
    options: SubscribeOptions,
    existing: GroupSettings | undefined,
    { name, group, transactional }: BoundSubscription,
  ): GroupSettings {
    if (options.from !== undefined && options.from !== 'earliest' && options.from !== 'latest') {
      throw new BusbarError(
        'CONFIG_INVALID',
        `subscription ${name}: option "from" must be "earliest" or "latest", got ${String(options.from)}`,
      )
    }
    if (options.from !== undefined && group === false) {
      throw new BusbarError(
        'CONFIG_INVALID',
        `subscription ${name}: option "from" has no meaning for a broadcast, which gets what is published from now on`,
      )
    }
    const settings: GroupSettings = {
      from: options.from ?? existing?.from ?? 'earliest',
      concurrency: positive(
        'concurrency',
        options.concurrency ?? existing?.concurrency ?? this.#settings.concurrency,
      ),
      maxInFlight: positive(
        'maxInFlight',
        options.maxInFlight ?? existing?.maxInFlight ?? this.#settings.maxInFlight,
      ),
      transactional,
    }
    for (const setting of ['from', 'concurrency', 'maxInFlight'] as const) {
      if (existing && existing[setting] !== settings[setting]) {
        throw new BusbarError(
          'CONFIG_INVALID',
          `subscription ${name}: "${setting}" is a setting of the whole group and was ${existing[setting]} before, now ${settings[setting]}: make them equal, or use another group`,
        )
      }
    }
    return settings
  }

  async #ensureReturnTopic(topic: OwnTopic): Promise<boolean> {
    if ((await this.#ownTopics.ensureIfAllowed(topic)) !== undefined) return true
    this.#settings.logger.warn(
      { topic: topic.name },
      'this topic is missing and may not be created: records cannot come back by it',
    )
    return false
  }

  #create(group: string | false, settings: GroupSettings): GroupConsumer {
    const { transport, runtime, logger, redelivery } = this.#settings
    const { maxInFlight, from, transactional } = settings
    return new GroupConsumer({
      settings,
      runtime,
      logger,
      redelivery,
      problems: this.#problems,
      // What a transactional group has handled is no progress before it is committed.
      progressOf: (topic, partition) =>
        group === false || transactional ? undefined : this.#held.of(group, topic, partition),
      onDelivery: this.#onDelivery,
      ensureTopic: topic => this.#topics.ensure(topic),
      ensureReturnTopic: topic => this.#ensureReturnTopic(topic),
      open: (topics, deliver) =>
        group === false
          ? openBroadcast({ transport, runtime, logger, maxInFlight, deliver }, topics)
          : transport.subscribe(
              { group, topics, from, maxInFlight, ...(transactional && { transactional }) },
              deliver,
            ),
    })
  }
}

/** Positions of a partition are committed in one way only. */
function refuseMix(added: BoundSubscription, existing: GroupSettings | undefined): void {
  if (!existing || existing.transactional === added.transactional) return
  const said = added.transactional
    ? 'is exactly once, and the others of its group are not'
    : 'is not exactly once, and the others of its group are'
  throw new BusbarError(
    'CONFIG_INVALID',
    `subscription ${added.name} ${said}: give it a group of its own (option "group")`,
  )
}

function refuseClash(added: BoundSubscription, existing: readonly BoundSubscription[]): void {
  const where = added.group === false ? 'broadcast' : `group ${added.group}`
  if (existing.some(each => each.name === added.name)) {
    throw new BusbarError(
      'CONFIG_INVALID',
      `${where} has a subscription named ${added.name} already: give the second handler of ${added.contract.name} a name of its own (option "name")`,
    )
  }
  if (
    added.contract.kind === 'request' &&
    existing.some(each => each.contract.kind === 'request' && each.contract.name === added.contract.name)
  ) {
    throw new BusbarError(
      'CONFIG_INVALID',
      `${where} answers ${added.contract.name} already: one reply is all that a requester gets from a group`,
    )
  }
  const ofTopic = existing.filter(each => each.contract.topic.name === added.contract.topic.name)
  if (ofTopic.length > 0 && (added.batch ?? ofTopic.some(each => each.batch))) {
    throw new BusbarError(
      'CONFIG_INVALID',
      `${where}: a batch subscription takes its whole topic ${added.contract.topic.name}, so that keys stay in order: give it a group of its own (option "group")`,
    )
  }
}
