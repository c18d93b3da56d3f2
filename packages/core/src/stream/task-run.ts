import { BusbarError } from '../error.js'
import { Fifo } from '../fifo.js'
import type { Logger } from '../logger.js'
import { untried } from '../runner.js'
import type { Runtime } from '../runtime.js'
import type { Delivery, DeliveryBatch, Transport } from '../transport.js'
import type { Observers } from './observers.js'
import { type OpenStore, openStore } from './open-task.js'
import type { DroppedRecord } from './record-flow.js'
import { RecordProcessor, type RecordProcessorOptions } from './record-processor.js'
import { Restoration } from './restoration.js'
import { ReturnedRecords } from './returned-records.js'
import { Task } from './task.js'
import type { TaskStore } from './task-store.js'
import type { Topology } from './topology.js'
import { Trouble } from './trouble.js'

export interface TaskRunOptions {
  readonly topology: Topology
  readonly partition: number
  readonly transport: Pick<Transport, 'read'>
  readonly runtime: Runtime
  readonly logger: Logger
  /** The number of partitions of a topic. */
  readonly partitionsOf: (topic: string) => number
  readonly observers: Observers
  readonly deadLetter: RecordProcessorOptions['deadLetter']
  readonly ensureOwnTopic: RecordProcessorOptions['ensureOwnTopic']
  readonly onDropped: (dropped: DroppedRecord) => void
  /** What keeps a partition from going on, and that it goes on again. */
  readonly onTrouble: (reason: string | undefined) => void
  /** The ownership before this one of the same partition number; its stores are closed when this resolves. */
  readonly after: Promise<void>
}

/** Queued deliveries of one topic above which no more of it is welcome. */
const maxQueued = 200

/** One ownership of a partition number: opens its stores, brings them up to date, and processes its records one by one. */
export class TaskRun {
  /** Resolves when the stores are as their changelogs were at the beginning; never when the ownership ends before. */
  readonly restored: Promise<void>
  readonly restoration: Restoration
  readonly #options: TaskRunOptions
  readonly #returned: ReturnedRecords
  readonly #trouble: Trouble
  readonly #end = new AbortController()
  /** Aborts before or with {@link #end}: nothing more is begun. */
  readonly #stopping = new AbortController()
  readonly #signals = new Set<AbortSignal>()
  readonly #queues = new Map<string, Fifo<Delivery>>()
  readonly #welcomes = new Map<string, (() => void)[]>()
  #stores = new Map<string, OpenStore>()
  #processor: RecordProcessor | undefined
  #isRestored = false
  #working: Promise<void> | undefined
  readonly #opening: Promise<void>
  #closed: Promise<void> | undefined

  constructor(options: TaskRunOptions) {
    this.#options = options
    this.restoration = new Restoration(options.runtime)
    this.#returned = new ReturnedRecords(options)
    this.#trouble = new Trouble({
      ...options,
      group: options.topology.group,
      ended: this.#end.signal,
    })
    this.#opening = this.#open()
    this.restored = this.#opening.then(() => (this.#isRestored ? undefined : new Promise<void>(() => {})))
  }

  get hasEnded(): boolean {
    return this.#end.signal.aborted
  }

  /** Whether it has taken records, or only waits for the first. */
  get isDelivered(): boolean {
    return this.#signals.size > 0
  }

  /** A store for queries; undefined while it is not restored. */
  store(name: string): TaskStore | undefined {
    return this.#isRestored && !this.hasEnded ? this.#stores.get(name)?.store : undefined
  }

  /** Takes deliveries; resolves when more of their topic are welcome. */
  deliver(batch: DeliveryBatch): Promise<void> {
    if (this.#stopping.signal.aborted) {
      for (const delivery of batch.deliveries) delivery.settle(untried)
      return Promise.resolve()
    }
    if (!this.#signals.has(batch.signal)) {
      this.#signals.add(batch.signal)
      batch.signal.addEventListener('abort', () => void this.end(), { once: true })
    }
    const queue = this.#queues.get(batch.topic) ?? new Fifo<Delivery>()
    this.#queues.set(batch.topic, queue)
    for (const delivery of batch.deliveries) queue.push(delivery)
    this.#working ??= this.#work()
    return this.#whenWelcome(batch.topic, queue)
  }

  /** Starts nothing more and hands back what waits; resolves when the present record is done. */
  async stop(): Promise<void> {
    this.#stopping.abort(new BusbarError('ABORTED', 'the bus is closing'))
    for (const queue of this.#queues.values())
      for (let each = queue.shift(); each; each = queue.shift()) each.settle(untried)
    await this.#working
  }

  /** The ownership has ended: what is not committed is forgotten. Resolves when the stores are closed. */
  end(): Promise<void> {
    const reason = new BusbarError('ABORTED', 'the partition moved away')
    this.#end.abort(reason)
    this.#stopping.abort(reason)
    for (const queue of this.#queues.values()) queue.clear()
    for (const waiting of this.#welcomes.values()) for (const resolve of waiting.splice(0)) resolve()
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#opening
    await this.#working
    for (const { store } of this.#stores.values())
      await store.close().catch(thrown => this.#trouble.tell(thrown))
    this.#trouble.over()
  }

  /** Opens every store; what fails is tried again for as long as the ownership lasts. Never rejects. */
  async #open(): Promise<void> {
    const { topology, partition, partitionsOf, after, runtime, logger, transport } = this.#options
    await after
    this.restoration.begin()
    const { signal } = this.#end
    const onProgress = () => this.restoration.wentOn()
    const opening = { group: topology.group, partition, transport, runtime, logger, signal, onProgress }
    const specs = [...topology.stores.values()].filter(({ like }) => partition < partitionsOf(like))
    for (const spec of specs) {
      const opened = await this.#trouble.persist(() => openStore(spec, opening))
      if (opened) this.#stores.set(spec.name, opened)
      onProgress()
    }
    if (this.hasEnded) return
    const task = new Task({
      partition,
      runtime,
      sources: topology.sources,
      stores: new Map([...this.#stores].map(([name, { store }]) => [name, store])),
      onDropped: this.#options.onDropped,
    })
    this.#processor = new RecordProcessor({
      ...this.#options,
      task,
      returned: this.#returned,
      trouble: this.#trouble,
      ended: signal,
      stopping: this.#stopping.signal,
    })
    this.#isRestored = true
    this.restoration.end()
    this.#trouble.over()
  }

  /** Processes what is queued until there is nothing left. Never rejects. */
  async #work(): Promise<void> {
    await this.#opening
    // The partition may have been another's until a moment ago, who has committed since the stores were read: from the first
    // delivery on nobody else can.
    if (!this.hasEnded && !this.#isCurrent) await this.#catchUp()
    while (!this.#stopping.signal.aborted) {
      const delivery = this.#next()
      if (!delivery) break
      // Where it counts no more the ownership is about to end, and with it what the record has changed.
      if (!(await (this.#processor as RecordProcessor).process(delivery))) void this.end()
    }
    this.#working = undefined
  }

  #isCurrent = false

  async #catchUp(): Promise<void> {
    this.restoration.begin()
    for (const opened of this.#stores.values()) await this.#trouble.persist(() => opened.catchUp())
    this.restoration.end()
    this.#isCurrent = !this.hasEnded
  }

  /** Of the topics that have a record waiting, the one whose record is the earliest in event time. */
  #next(): Delivery | undefined {
    let [found, foundMs]: [string | undefined, number] = [undefined, Number.POSITIVE_INFINITY]
    for (const [topic, queue] of this.#queues) {
      const head = queue.peek()
      if (!head) continue
      const record = this.#returned.asPublished(head.record)
      const timeMs =
        this.#options.topology.sources.find(each => each.topic === record.topic)?.timeOf(record) ?? 0
      if (found !== undefined && timeMs >= foundMs) continue
      found = topic
      foundMs = timeMs
    }
    if (found === undefined) return undefined
    const queue = this.#queues.get(found) as Fifo<Delivery>
    const delivery = queue.shift()
    if (queue.length <= maxQueued / 2)
      for (const resolve of this.#welcomes.get(found)?.splice(0) ?? []) resolve()
    return delivery
  }

  #whenWelcome(topic: string, queue: Fifo<Delivery>): Promise<void> {
    if (queue.length < maxQueued) return Promise.resolve()
    const waiting = this.#welcomes.get(topic) ?? []
    this.#welcomes.set(topic, waiting)
    return new Promise(resolve => waiting.push(resolve))
  }
}
