import { BusbarError, isRetryable } from '../error.js'
import { Fifo } from '../fifo.js'
import type { Logger } from '../logger.js'
import { untried } from '../runner.js'
import { type Runtime, sleep } from '../runtime.js'
import type { Delivery, DeliveryBatch, Effects, OutboundRecord, Transport } from '../transport.js'
import { type OpenStore, openStore } from './open-task.js'
import type { DroppedRecord } from './record-flow.js'
import { Restoration } from './restoration.js'
import { ReturnedRecords } from './returned-records.js'
import { Task } from './task.js'
import type { TaskStore } from './task-store.js'
import type { Topology } from './topology.js'

export interface TaskRunOptions {
  readonly topology: Topology
  readonly partition: number
  readonly transport: Pick<Transport, 'read'>
  readonly runtime: Runtime
  readonly logger: Logger
  /** The number of partitions of a topic. */
  readonly partitionsOf: (topic: string) => number
  /** The dead letter of a record that failed for good. */
  readonly deadLetter: (delivery: Delivery, thrown: unknown, attempts: number) => Promise<OutboundRecord>
  readonly onDropped: (dropped: DroppedRecord) => void
  /** What keeps a partition from going on, and that it goes on again. */
  readonly onTrouble: (reason: string | undefined) => void
  /** The ownership before this one of the same partition number; its stores are closed when this resolves. */
  readonly after: Promise<void>
}

/** Queued deliveries of one topic above which no more of it is welcome. */
const maxQueued = 200
/** How often a record is processed before it becomes a dead letter, and how long it waits in between. */
const attempts = 5
const retryMs = 200
const maxRetryMs = 10_000

/** One ownership of a partition number: opens its stores, brings them up to date, and processes its records one by one. */
export class TaskRun {
  /** Resolves when the stores are as their changelogs were at the beginning; never when the ownership ends before. */
  readonly restored: Promise<void>
  readonly restoration: Restoration
  readonly #options: TaskRunOptions
  readonly #returned: ReturnedRecords
  readonly #end = new AbortController()
  readonly #signals = new Set<AbortSignal>()
  readonly #queues = new Map<string, Fifo<Delivery>>()
  readonly #welcomes = new Map<string, (() => void)[]>()
  #stores = new Map<string, OpenStore>()
  #task: Task | undefined
  #isRestored = false
  #isStopping = false
  #working: Promise<void> | undefined
  readonly #opening: Promise<void>
  #closed: Promise<void> | undefined

  constructor(options: TaskRunOptions) {
    this.#options = options
    this.restoration = new Restoration(options.runtime)
    this.#returned = new ReturnedRecords(options)
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
    if (this.#isStopping || this.hasEnded) {
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
    this.#isStopping = true
    for (const queue of this.#queues.values())
      for (let each = queue.shift(); each; each = queue.shift()) each.settle(untried)
    await this.#working
  }

  /** The ownership has ended: what is not committed is forgotten. Resolves when the stores are closed. */
  end(): Promise<void> {
    this.#end.abort(new BusbarError('ABORTED', 'the partition moved away'))
    for (const queue of this.#queues.values()) queue.clear()
    for (const waiting of this.#welcomes.values()) for (const resolve of waiting.splice(0)) resolve()
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#opening
    await this.#working
    for (const { store } of this.#stores.values()) await store.close().catch(this.#logTrouble)
    this.#options.onTrouble(undefined)
  }

  /** Opens every store; what fails is tried again for as long as the ownership lasts. Never rejects. */
  async #open(): Promise<void> {
    const { topology, partition, partitionsOf, after, runtime, logger, transport } = this.#options
    await after
    const { signal } = this.#end
    const onProgress = () => this.restoration.wentOn()
    const opening = { group: topology.group, partition, transport, runtime, logger, signal, onProgress }
    const specs = [...topology.stores.values()].filter(({ like }) => partition < partitionsOf(like))
    for (const spec of specs) {
      const opened = await this.#persist(() => openStore(spec, opening))
      if (opened) this.#stores.set(spec.name, opened)
      onProgress()
    }
    if (this.hasEnded) return
    this.#task = new Task({
      partition,
      runtime,
      sources: topology.sources,
      stores: new Map([...this.#stores].map(([name, { store }]) => [name, store])),
      onDropped: this.#options.onDropped,
    })
    this.#isRestored = true
    this.restoration.end()
    this.#options.onTrouble(undefined)
  }

  /** Processes what is queued until there is nothing left. Never rejects. */
  async #work(): Promise<void> {
    await this.#opening
    // The partition may have been another's until a moment ago, who has committed since the stores were read: from the first
    // delivery on nobody else can.
    if (!this.hasEnded && !this.#isCurrent) await this.#catchUp()
    while (!this.hasEnded && !this.#isStopping) {
      const delivery = this.#next()
      if (!delivery) break
      await this.#process(delivery)
    }
    this.#working = undefined
  }

  #isCurrent = false

  async #catchUp(): Promise<void> {
    this.restoration.begin()
    for (const opened of this.#stores.values()) await this.#persist(() => opened.catchUp())
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

  async #process(delivery: Delivery): Promise<void> {
    const { record } = delivery
    const cameBack = this.#returned.cameBack(record)
    if (cameBack) {
      const isIgnored = await this.#persist(() => this.#returned.isIgnored(record))
      if (isIgnored) this.#acknowledge(delivery, { records: [] })
      if (isIgnored !== false) return
    }
    for (let attempt = 1; !this.hasEnded; attempt += 1) {
      try {
        if (delivery.refused) throw delivery.refused.error
        this.#returned.check(record)
        const effects = await (this.#task as Task).process(this.#returned.asPublished(record), cameBack)
        this.#acknowledge(delivery, effects)
        return
      } catch (thrown) {
        if (this.hasEnded) return
        if (isOfState(thrown) || (attempt < attempts && isRetryable(thrown))) {
          this.#logTrouble(thrown)
          await this.#pause(attempt)
          if (this.#isStopping) {
            delivery.settle(untried)
            return
          }
        } else {
          await this.#giveUp(delivery, thrown, attempt)
          return
        }
      }
    }
  }

  async #giveUp(delivery: Delivery, thrown: unknown, attempt: number): Promise<void> {
    const { deadLetter, logger } = this.#options
    const letter = await this.#persist(() => deadLetter(delivery, thrown, attempt))
    if (!letter) return
    const { topic, partition, offset } = delivery.record
    logger.error(
      { err: thrown, topic, partition, offset },
      'an operator failed for good: the record is a dead letter now',
    )
    this.#acknowledge(delivery, { records: [letter] })
  }

  #acknowledge(delivery: Delivery, effects: Effects): void {
    this.#options.onTrouble(undefined)
    // Where it counts no more the ownership is about to end, and with it what the record has changed.
    if (!delivery.settle({ kind: 'ack', effects })) void this.end()
  }

  /** Does something until it succeeds; undefined when the ownership ends before. */
  async #persist<T>(work: () => Promise<T>): Promise<T | undefined> {
    for (let attempt = 1; !this.hasEnded; attempt += 1) {
      try {
        return await work()
      } catch (thrown) {
        if (this.hasEnded) return undefined
        this.#logTrouble(thrown)
        await this.#pause(attempt)
      }
    }
    return undefined
  }

  async #pause(attempt: number): Promise<void> {
    const delayMs = Math.min(maxRetryMs, retryMs * 2 ** Math.min(attempt - 1, 20))
    await sleep(this.#options.runtime, delayMs, this.#end.signal).catch(() => {})
  }

  readonly #logTrouble = (thrown: unknown): void => {
    const { partition, topology, logger, onTrouble } = this.#options
    const error = BusbarError.from(thrown, 'HANDLER_FAILED', 'an operator of a stream failed')
    onTrouble(error.message)
    logger.warn({ err: thrown, code: error.code, group: topology.group, partition }, 'a stream is held up')
  }

  #whenWelcome(topic: string, queue: Fifo<Delivery>): Promise<void> {
    if (queue.length < maxQueued) return Promise.resolve()
    const waiting = this.#welcomes.get(topic) ?? []
    this.#welcomes.set(topic, waiting)
    return new Promise(resolve => waiting.push(resolve))
  }
}

/** Whether it is the state that failed: no record's fault, and so no reason to give one up. */
function isOfState(thrown: unknown): boolean {
  return thrown instanceof BusbarError && thrown.code.startsWith('STATE_')
}
