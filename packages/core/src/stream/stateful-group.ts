import type { Codecs } from '../codecs.js'
import type { DeliveryReport } from '../consume.js'
import { BusbarError } from '../error.js'
import type { AnyEvent } from '../event.js'
import type { Problems } from '../health.js'
import type { Logger } from '../logger.js'
import type { Middleware } from '../middleware.js'
import type { OwnTopics } from '../own-topic.js'
import { untilAborted } from '../runner.js'
import { type Runtime, sleep } from '../runtime.js'
import type { TopicRegistry } from '../topic-registry.js'
import type { Deliver, Transport, TransportEvent, TransportSubscription } from '../transport.js'
import { deadLetterOf, deadLetterTopicOf } from './failed-record.js'
import { GroupReader } from './group-reader.js'
import { Observers } from './observers.js'
import type { DroppedRecord } from './record-flow.js'
import type { Restoration } from './restoration.js'
import { originIn } from './returned-records.js'
import { checkMiddleware } from './stateful-options.js'
import type { StoreReader } from './store-reader.js'
import { TaskRun } from './task-run.js'
import type { Topology } from './topology.js'

export interface StatefulGroupOptions {
  readonly topology: Topology
  readonly transport: Transport
  readonly topics: TopicRegistry
  readonly ownTopics: OwnTopics
  readonly codecs: Codecs
  readonly runtime: Runtime
  readonly logger: Logger
  readonly problems: Problems
  readonly maxInFlight: number
  /** That of the bus, final once it starts. */
  readonly middleware: () => readonly Middleware[]
  readonly from: () => 'earliest' | 'latest'
  readonly onDropped: (dropped: DroppedRecord) => void
  /** Who is told of each delivery, once; undefined where nobody is. */
  readonly onDelivery: () => ((report: DeliveryReport) => void) | undefined
  /** Resolves when the bus has started. */
  readonly ready: () => Promise<void>
}

const compacted = { 'cleanup.policy': 'compact' }
const caughtUpPollMs = 20

/** One group whose operators keep a state: its subscription, and a task for each partition number that it gets. */
export class StatefulGroup {
  readonly topology: Topology
  /** Events that are read and written. */
  readonly events: { readonly event: AnyEvent; readonly how: 'read' | 'write' }[] = []
  readonly #options: StatefulGroupOptions
  readonly #runs = new Map<number, TaskRun>()
  /** Stores of an ownership that ended are being closed, by partition number. */
  readonly #ending = new Map<number, Promise<void>>()
  readonly #partitions = new Map<string, number>()
  #subscription: TransportSubscription | undefined
  #joined: readonly string[] = []
  #observers: Observers | undefined

  constructor(options: StatefulGroupOptions) {
    this.#options = options
    this.topology = options.topology
  }

  /** Makes sure of topics and schemas, and joins; resolves when this member can receive. */
  async join(): Promise<void> {
    const { topology, transport } = this.#options
    if (this.#subscription || topology.sources.length === 0) return
    topology.fix()
    this.#refuseTransport()
    checkMiddleware(topology.group, this.#options.middleware(), this.#options.logger)
    await this.#ensure()
    this.#refuseUnlike()
    const returns = await this.#ensureReturns()
    const { maxInFlight, from } = this.#options
    const topics = [...topology.inputs, ...returns]
    this.#subscription = await transport.subscribe(
      {
        group: topology.group,
        topics,
        from: from(),
        maxInFlight,
        transactional: true,
      },
      this.#deliver,
    )
    this.#joined = topics
    this.#subscription.closed.catch((thrown: unknown) =>
      this.#options.logger.error({ err: thrown }, 'the intake of a group ended by itself'),
    )
  }

  /** Those who look on; asked for when records come, and the middleware of the bus is final. */
  get observers(): Observers {
    const { middleware, ownTopics } = this.#options
    this.#observers ??= new Observers({
      ...this.#options,
      middleware: middleware(),
      ensureOwnTopic: topic => ownTopics.ensure(topic),
    })
    return this.#observers
  }

  /** The topics that it receives. */
  get joined(): readonly string[] {
    return this.#joined
  }

  /** How far the state of the partitions held here has come back, by partition number. */
  get restorations(): ReadonlyMap<number, Restoration> {
    const held = [...this.#runs].filter(([, run]) => !run.hasEnded)
    return new Map(held.map(([partition, { restoration }]) => [partition, restoration]))
  }

  /** Lets the present records finish, commits, and leaves. */
  async close(deadline: AbortSignal): Promise<void> {
    this.#subscription?.pause()
    await untilAborted(
      Promise.all([...this.#runs.values()].map(run => run.stop())).then(() => {}),
      deadline,
    )
    await this.leave()
    await untilAborted(
      Promise.all([...this.#runs.values()].map(run => run.end())).then(() => {}),
      deadline,
    )
    await untilAborted(
      Promise.all(this.#ending.values()).then(() => {}),
      deadline,
    )
  }

  async leave(): Promise<void> {
    const subscription = this.#subscription
    this.#subscription = undefined
    this.#joined = []
    await subscription?.[Symbol.asyncDispose]()
  }

  reader(store: string): StoreReader {
    return new GroupReader(store, {
      topology: this.topology,
      ready: () => this.#ready(),
      caughtUp: topic => this.#caughtUp(topic),
      partitionsOf: topic => this.#partitions.get(topic) ?? 0,
      runs: () => this.#runs,
    })
  }

  /** What the transport tells of partitions: stores are restored before the first record comes. */
  onEvent(event: TransportEvent): void {
    if (!('group' in event) || event.group !== this.topology.group) return
    if (event.type === 'assigned' || event.type === 'transaction-failed') {
      for (const { topic, partition } of event.partitions)
        if (this.topology.inputs.includes(topic)) this.#runOf(partition)
    } else if (event.type === 'revoked') {
      for (const { partition } of event.partitions) {
        const run = this.#runs.get(partition)
        if (run && !run.isDelivered) this.#drop(partition, run)
      }
    }
  }

  readonly #deliver: Deliver = batch => this.#runOf(batch.partition).deliver(batch)

  #runOf(partition: number): TaskRun {
    const known = this.#runs.get(partition)
    if (known && !known.hasEnded) return known
    if (known) this.#drop(partition, known)
    const { topology, transport, runtime, logger, problems, onDropped, ownTopics } = this.#options
    const what = `partition ${partition} of the streams of group ${topology.group}`
    const run = new TaskRun({
      topology,
      partition,
      transport,
      runtime,
      logger,
      onDropped,
      partitionsOf: topic => this.#partitions.get(topic) ?? 0,
      observers: this.observers,
      deadLetter: (delivery, thrown, attempts) => {
        const origin = originIn(topology, delivery.record)
        const { group } = topology
        return {
          topic: deadLetterTopicOf(origin, group),
          record: deadLetterOf(delivery, origin, group, thrown, attempts, runtime.now()),
        }
      },
      ensureOwnTopic: topic => ownTopics.ensure(topic),
      onTrouble: reason =>
        reason === undefined
          ? problems.clear(() => what)
          : problems.raise({ kind: 'record', what, reason, group: topology.group, partition }),
      after: this.#ending.get(partition) ?? Promise.resolve(),
    })
    this.#runs.set(partition, run)
    return run
  }

  #drop(partition: number, run: TaskRun): void {
    this.#runs.delete(partition)
    const ending = Promise.all([this.#ending.get(partition), run.end()]).then(() => {
      if (this.#ending.get(partition) === ending) this.#ending.delete(partition)
    })
    this.#ending.set(partition, ending)
  }

  async #ready(): Promise<void> {
    await this.#options.ready()
    await Promise.all([...this.#runs.values()].filter(run => !run.hasEnded).map(run => run.restored))
  }

  /** What is in a topic now is known from the group's positions: a compacted log has gaps. */
  async #caughtUp(topic: string): Promise<void> {
    await this.#ready()
    const { transport, runtime } = this.#options
    const held = () =>
      new Set([...this.#runs].flatMap(([partition, run]) => (run.hasEnded ? [] : [partition])))
    const ends = new Map<number, number>()
    for (;;) {
      const positions = (await transport.positions(this.topology.group)).filter(each => each.topic === topic)
      if (ends.size === 0) for (const { partition, end } of positions) ends.set(partition, end)
      const here = held()
      const isBehind = positions.some(
        ({ partition, committed }) => here.has(partition) && committed < (ends.get(partition) ?? 0),
      )
      if (!isBehind) return
      await sleep(runtime, caughtUpPollMs)
    }
  }

  async #ensure(): Promise<void> {
    const { topology, topics, ownTopics, codecs, transport } = this.#options
    for (const { event, how } of this.events) {
      await (how === 'read' ? codecs.prepareToHandle(event) : codecs.prepareToPublish(event))
      await topics.ensure(event.topic)
    }
    for (const [name, made] of topology.internal) await ownTopics.ensure({ name, ...made })
    for (const { changelog, like } of topology.stores.values())
      await ownTopics.ensure({ name: changelog, like, config: compacted })
    const read = [...topology.inputs, ...[...topology.stores.values()].map(({ changelog }) => changelog)]
    for (const topic of read) this.#partitions.set(topic, await transport.partitions(topic))
  }

  /** The topics by which dead letters come back; without those that are missing and may not be created. */
  async #ensureReturns(): Promise<readonly string[]> {
    const { topology, ownTopics, logger } = this.#options
    const returns: string[] = []
    for (const [name, like] of topology.returns) {
      if ((await ownTopics.ensureIfAllowed({ name, like })) !== undefined) returns.push(name)
      else
        logger.warn(
          { topic: name },
          'this topic is missing and may not be created: records cannot come back by it',
        )
    }
    return returns
  }

  #refuseTransport(): void {
    const { topology, transport } = this.#options
    const { transactions, read, kafkaPartitioning } = transport.capabilities
    const missing = !transactions ? 'transactions' : !read ? 'read' : undefined
    if (missing)
      throw new BusbarError(
        'CAPABILITY_MISSING',
        `streams with a state of group ${topology.group} need a transport with the capability "${missing}", which ${transport.name} does not have`,
      )
    if (!kafkaPartitioning && topology.coPartitioned.length > 0)
      throw new BusbarError(
        'CAPABILITY_MISSING',
        `the joins of group ${topology.group} need equal keys in equal partitions, which ${transport.name} does not promise ("kafkaPartitioning")`,
      )
  }

  /** @throws BusbarError `TOPIC_MISMATCH` where equal keys are not in equal partitions. */
  #refuseUnlike(): void {
    const { coPartitioned, stores, group } = this.topology
    const refuse = (one: string, other: string, what: string) => {
      const [left, right] = [this.#partitions.get(one), this.#partitions.get(other)]
      if (left === right) return
      throw new BusbarError(
        'TOPIC_MISMATCH',
        `group ${group}, ${what}: ${one} has ${left} partitions and ${other} has ${right}; they must be equal`,
      )
    }
    for (const { topics, by } of coPartitioned) refuse(...topics, by)
    for (const { name, changelog, like } of stores.values()) refuse(like, changelog, `store ${name}`)
  }
}
