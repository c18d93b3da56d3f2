import { setMaxListeners } from 'node:events'
import { Fifo } from './fifo.js'
import { laneKeyOf } from './partition-session.js'
import { type Runner, untilAborted, untried } from './runner.js'
import type { Delivery, DeliveryBatch, Outcome } from './transport.js'

export interface LaneRunnerOptions {
  /** How many deliveries run at a time, over all partitions and keys. */
  readonly concurrency: number
  /** Queued deliveries of one partition above which no more of it is welcome. */
  readonly maxQueued: number
  /** Handles one delivery. Never rejects. */
  readonly handle: (delivery: Delivery, ends: readonly AbortSignal[]) => Promise<Outcome>
}

/**
 * Runs the deliveries of a group: different keys side by side up to `concurrency`, one key in order. A delivery that is
 * handed back takes what its key has queued behind it along, so that the order holds when they come again.
 */
export class LaneRunner implements Runner {
  readonly #options: LaneRunnerOptions
  /** By the signal of an ownership: a partition that went and came back is another one. */
  readonly #partitions = new Map<AbortSignal, PartitionLanes>()
  readonly #ready = new Fifo<Lane>()
  readonly #running = new Set<Delivery>()
  readonly #deadline = new AbortController()
  #draining = false
  #idle: (() => void)[] = []

  constructor(options: LaneRunnerOptions) {
    this.#options = options
    setMaxListeners(0, this.#deadline.signal)
  }

  get running(): number {
    return this.#running.size
  }

  deliver(batch: DeliveryBatch): Promise<void> {
    if (batch.signal.aborted) return Promise.resolve()
    if (this.#draining) {
      for (const delivery of batch.deliveries) delivery.settle(untried)
      return Promise.resolve()
    }
    const partition = this.#partitionOf(batch)
    for (const delivery of batch.deliveries) this.#enqueue(partition, delivery)
    this.#pump()
    return partition.whenBelow(this.#options.maxQueued)
  }

  async drain(deadline: AbortSignal): Promise<void> {
    this.#draining = true
    for (const partition of this.#partitions.values()) partition.handBack()
    this.#ready.clear()
    if (this.#running.size === 0) return
    await untilAborted(new Promise<void>(resolve => this.#idle.push(resolve)), deadline)
    if (this.#running.size === 0) return
    this.#deadline.abort(deadline.reason)
    for (const delivery of this.#running) delivery.settle({ kind: 'nack' })
  }

  #partitionOf(batch: DeliveryBatch): PartitionLanes {
    let partition = this.#partitions.get(batch.signal)
    if (!partition) {
      const created = new PartitionLanes([batch.signal, this.#deadline.signal])
      this.#partitions.set(batch.signal, created)
      // Every running delivery may listen to it: many listeners are no leak here.
      setMaxListeners(0, batch.signal)
      batch.signal.addEventListener('abort', () => {
        this.#partitions.delete(batch.signal)
        created.drop()
      }, { once: true })
      partition = created
    }
    return partition
  }

  #enqueue(partition: PartitionLanes, delivery: Delivery): void {
    const key = delivery.record.key === null ? delivery : laneKeyOf(delivery.record.key)
    let lane = partition.lanes.get(key)
    if (lane) {
      lane.queue.push(delivery)
    } else {
      lane = { key, partition, queue: new Fifo<Delivery>() }
      lane.queue.push(delivery)
      partition.lanes.set(key, lane)
      this.#ready.push(lane)
    }
    partition.queued += 1
  }

  #pump(): void {
    while (this.#running.size < this.#options.concurrency) {
      const lane = this.#ready.shift()
      if (!lane) return
      const delivery = lane.queue.shift()
      if (delivery) this.#run(lane, delivery)
    }
  }

  #run(lane: Lane, delivery: Delivery): void {
    const { partition } = lane
    partition.queued -= 1
    partition.welcomeIfBelow(this.#options.maxQueued)
    this.#running.add(delivery)
    const done = (outcome: Outcome) => {
      this.#running.delete(delivery)
      delivery.settle(outcome)
      if (outcome.kind === 'nack') partition.handBackLane(lane)
      else if (lane.queue.length > 0) this.#ready.push(lane)
      else partition.lanes.delete(lane.key)
      partition.welcomeIfBelow(this.#options.maxQueued)
      if (this.#running.size === 0 && this.#draining) for (const resolve of this.#idle.splice(0)) resolve()
      else this.#pump()
    }
    this.#options.handle(delivery, partition.ends).then(done, cause => done({ kind: 'nack', cause }))
  }
}

interface Lane {
  /** The key's bytes as text; the delivery itself where there is no key. */
  readonly key: unknown
  readonly partition: PartitionLanes
  readonly queue: Fifo<Delivery>
}

/** The lanes of one ownership of one partition. A lane is here while it has something queued or running. */
class PartitionLanes {
  readonly lanes = new Map<unknown, Lane>()
  /** Queued and not running. */
  queued = 0
  readonly ends: readonly AbortSignal[]
  #waiters: (() => void)[] = []

  constructor(ends: readonly AbortSignal[]) {
    this.ends = ends
  }

  whenBelow(limit: number): Promise<void> {
    if (this.queued < limit) return Promise.resolve()
    return new Promise(resolve => this.#waiters.push(resolve))
  }

  welcomeIfBelow(limit: number): void {
    // Half the limit: welcoming more for every single record would make many small batches.
    if (this.#waiters.length > 0 && this.queued <= limit / 2) for (const resolve of this.#waiters.splice(0)) resolve()
  }

  /** Hands back what is queued in every lane. */
  handBack(): void {
    for (const lane of this.lanes.values()) this.handBackLane(lane)
    this.welcomeIfBelow(Number.POSITIVE_INFINITY)
  }

  /** Hands back what is queued in a lane, in order, and closes it. */
  handBackLane(lane: Lane): void {
    this.lanes.delete(lane.key)
    for (let delivery = lane.queue.shift(); delivery; delivery = lane.queue.shift()) {
      this.queued -= 1
      delivery.settle(untried)
    }
  }

  /** Forgets what is queued: the partition is another member's now. */
  drop(): void {
    for (const lane of this.lanes.values()) lane.queue.clear()
    this.lanes.clear()
    this.queued = 0
    this.welcomeIfBelow(Number.POSITIVE_INFINITY)
  }
}
