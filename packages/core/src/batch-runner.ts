import { setMaxListeners } from 'node:events'
import type { BatchCollector } from './batch-collector.js'
import { BusbarError } from './error.js'
import { Fifo } from './fifo.js'
import { laneKeyOf } from './partition-session.js'
import { type DeliverySlot, type Runner, untilAborted, untried } from './runner.js'
import type { Runtime, Timer } from './runtime.js'
import type { Delivery, DeliveryBatch, Outcome } from './transport.js'

export interface BatchRunnerOptions {
  /** Records of one call at most. */
  readonly maxSize: number
  /** How long a batch that is not full waits for more, in milliseconds. */
  readonly maxWaitMs: number
  /** Queued deliveries of one partition above which no more of it is welcome. */
  readonly maxQueued: number
  readonly runtime: Runtime
  readonly collector: (size: number) => BatchCollector
  /** Runs the onion of one delivery, which joins the collector. Never rejects. */
  readonly handle: (delivery: Delivery, slot: DeliverySlot, collector: BatchCollector) => Promise<Outcome>
}

/** Runs the deliveries of one topic in batches: one batch of a partition at a time, so every key is in order. */
export class BatchRunner implements Runner {
  readonly #options: BatchRunnerOptions
  readonly #partitions = new Map<AbortSignal, BatchedPartition>()
  readonly #running = new Set<Delivery>()
  readonly #deadline = new AbortController()
  readonly #drain = new AbortController()
  #idle: (() => void)[] = []

  constructor(options: BatchRunnerOptions) {
    this.#options = options
    setMaxListeners(0, this.#deadline.signal, this.#drain.signal)
  }

  get running(): number {
    return this.#running.size
  }

  deliver(batch: DeliveryBatch): Promise<void> {
    if (batch.signal.aborted) return Promise.resolve()
    if (this.#drain.signal.aborted) {
      for (const delivery of batch.deliveries) delivery.settle(untried)
      return Promise.resolve()
    }
    const partition = this.#partitionOf(batch)
    for (const delivery of batch.deliveries) partition.queue.push(delivery)
    this.#startOrWait(partition)
    if (partition.queue.length < this.#options.maxQueued) return Promise.resolve()
    return new Promise(resolve => partition.waiters.push(resolve))
  }

  async drain(deadline: AbortSignal): Promise<void> {
    this.#drain.abort(new BusbarError('ABORTED', 'the subscription is being closed'))
    for (const partition of this.#partitions.values()) {
      for (let delivery = partition.queue.shift(); delivery; delivery = partition.queue.shift())
        delivery.settle(untried)
      partition.stop()
    }
    if (this.#running.size === 0) return
    await untilAborted(new Promise<void>(resolve => this.#idle.push(resolve)), deadline)
    if (this.#running.size === 0) return
    this.#deadline.abort(deadline.reason)
    for (const delivery of this.#running) delivery.settle({ kind: 'nack' })
  }

  #partitionOf(batch: DeliveryBatch): BatchedPartition {
    let partition = this.#partitions.get(batch.signal)
    if (!partition) {
      const created = new BatchedPartition([batch.signal, this.#deadline.signal])
      this.#partitions.set(batch.signal, created)
      setMaxListeners(0, batch.signal)
      const onAbort = () => {
        this.#partitions.delete(batch.signal)
        created.queue.clear()
        created.stop()
      }
      batch.signal.addEventListener('abort', onAbort, { once: true })
      partition = created
    }
    return partition
  }

  #startOrWait(partition: BatchedPartition): void {
    if (partition.busy || this.#drain.signal.aborted || partition.queue.length === 0) return
    if (partition.queue.length >= this.#options.maxSize) {
      partition.timer?.cancel()
      partition.timer = undefined
      this.#start(partition)
    } else {
      partition.timer ??= this.#options.runtime.setTimer(this.#options.maxWaitMs, () => {
        partition.timer = undefined
        if (!partition.busy && !this.#drain.signal.aborted && partition.queue.length > 0)
          this.#start(partition)
      })
    }
  }

  #start(partition: BatchedPartition): void {
    const deliveries: Delivery[] = []
    while (deliveries.length < this.#options.maxSize) {
      const delivery = partition.queue.shift()
      if (!delivery) break
      deliveries.push(delivery)
      this.#running.add(delivery)
    }
    partition.busy = true
    const collector = this.#options.collector(deliveries.length)
    const ends = deliveries.map(() => new AbortController())
    for (const { record } of deliveries) collector.expect(record)
    const runs = deliveries.map(async (delivery, index) => {
      const own = ends[index] as AbortController
      const slot = batchSlot([...partition.ends, own.signal], this.#drain.signal, collector)
      const outcome = await this.#options
        .handle(delivery, slot, collector)
        .catch((cause): Outcome => ({ kind: 'nack', cause }))
      if (outcome.kind === 'nack')
        for (const behind of behindOf(index, deliveries))
          collector.endBehind(delivery.record, (deliveries[behind] as Delivery).record, () =>
            ends[behind]?.abort(comesAgain),
          )
      collector.left(delivery.record)
      return outcome
    })
    void Promise.all(runs).then(outcomes => this.#finish(partition, deliveries, outcomes))
  }

  #finish(partition: BatchedPartition, deliveries: readonly Delivery[], outcomes: readonly Outcome[]): void {
    const handedBack = new Set<string>()
    for (const [index, delivery] of deliveries.entries()) {
      const outcome = outcomes[index] as Outcome
      this.#running.delete(delivery)
      delivery.settle(outcome)
      if (outcome.kind === 'nack' && delivery.record.key !== null)
        handedBack.add(laneKeyOf(delivery.record.key))
    }
    if (handedBack.size > 0) partition.handBackKeys(handedBack)
    partition.busy = false
    if (partition.queue.length <= this.#options.maxQueued / 2) partition.welcome()
    if (this.#drain.signal.aborted && this.#running.size === 0)
      for (const resolve of this.#idle.splice(0)) resolve()
    this.#startOrWait(partition)
  }
}

const comesAgain = new BusbarError(
  'ABORTED',
  'a record before it of its key was handed back, and both come again',
)

/** The places in a batch of what one of its records has behind it of its key. */
function behindOf(index: number, deliveries: readonly Delivery[]): readonly number[] {
  const key = deliveries[index]?.record.key
  if (!key) return []
  const lane = laneKeyOf(key)
  return deliveries.flatMap(({ record }, place) =>
    place > index && record.key && laneKeyOf(record.key) === lane ? [place] : [],
  )
}

/** A batch has its partition to itself: a record that waits makes room for nobody, but the others go on without it. */
function batchSlot(
  ends: readonly AbortSignal[],
  draining: AbortSignal,
  collector: BatchCollector,
): DeliverySlot {
  const enter = () => {
    collector.enter()
    return undefined
  }
  return { ends, draining, enlist: () => {}, retire: () => {}, leave: () => collector.leave(), enter }
}

/** The queue of one ownership of one partition. */
class BatchedPartition {
  readonly queue = new Fifo<Delivery>()
  readonly ends: readonly AbortSignal[]
  busy = false
  timer: Timer | undefined
  waiters: (() => void)[] = []

  constructor(ends: readonly AbortSignal[]) {
    this.ends = ends
  }

  /** Hands back what is queued of keys of which a record comes again, so that their order holds. */
  handBackKeys(keys: ReadonlySet<string>): void {
    const kept: Delivery[] = []
    for (let delivery = this.queue.shift(); delivery; delivery = this.queue.shift()) {
      if (delivery.record.key !== null && keys.has(laneKeyOf(delivery.record.key))) delivery.settle(untried)
      else kept.push(delivery)
    }
    for (const delivery of kept) this.queue.push(delivery)
  }

  welcome(): void {
    for (const resolve of this.waiters.splice(0)) resolve()
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.welcome()
  }
}
