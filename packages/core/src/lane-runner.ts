import { setMaxListeners } from 'node:events'
import { BusbarError } from './error.js'
import { Fifo } from './fifo.js'
import { laneKeyOf } from './partition-session.js'
import { type DeliverySlot, type Runner, untilAborted, untried } from './runner.js'
import type { Delivery, DeliveryBatch, Outcome } from './transport.js'

export interface LaneRunnerOptions {
  /** How many deliveries run at a time, over all partitions and keys. */
  readonly concurrency: number
  /** Queued deliveries of one partition above which no more of it is welcome. */
  readonly maxQueued: number
  /** Handles one delivery. Never rejects. */
  readonly handle: (delivery: Delivery, slot: DeliverySlot) => Promise<Outcome>
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
  readonly #drain = new AbortController()
  /** Running deliveries that do not only wait. */
  #active = 0
  /** Deliveries that waited and go on when there is room. */
  readonly #returning = new Fifo<() => void>()
  #idle: (() => void)[] = []
  #isPumping = false

  constructor(options: LaneRunnerOptions) {
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
    for (const delivery of batch.deliveries) this.#enqueue(partition, delivery)
    this.#pump()
    return partition.whenBelow(this.#options.maxQueued)
  }

  async drain(deadline: AbortSignal): Promise<void> {
    for (const partition of this.#partitions.values()) partition.handBack()
    this.#ready.clear()
    this.#drain.abort(new BusbarError('ABORTED', 'the subscription is being closed'))
    // Whoever waits for room gives up now, and needs none for that.
    for (let returning = this.#returning.shift(); returning; returning = this.#returning.shift()) {
      this.#active += 1
      returning()
    }
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
    // Whoever gives room while others are started has them started by this same loop.
    if (this.#isPumping) return
    this.#isPumping = true
    this.#fill()
    this.#isPumping = false
  }

  #fill(): void {
    while (this.#active < this.#options.concurrency) {
      const returning = this.#returning.shift()
      if (returning) {
        this.#active += 1
        returning()
        continue
      }
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
    this.#active += 1
    const slot = new LaneSlot(partition.ends, this.#drain.signal, this.#room)
    const done = (outcome: Outcome) => {
      this.#running.delete(delivery)
      this.#active -= 1
      delivery.settle(outcome)
      if (outcome.kind === 'nack') partition.handBackLane(lane)
      else if (lane.queue.length > 0) this.#ready.push(lane)
      else partition.lanes.delete(lane.key)
      partition.welcomeIfBelow(this.#options.maxQueued)
      if (this.#running.size === 0 && this.#drain.signal.aborted) for (const resolve of this.#idle.splice(0)) resolve()
      else this.#pump()
    }
    this.#options.handle(delivery, slot).then(done, cause => done({ kind: 'nack', cause }))
  }

  /** What slots share: giving room to others, and getting it back. */
  readonly #room: Room = {
    give: () => {
      this.#active -= 1
      this.#pump()
    },
    take: () => {
      // A drain starts nothing new, so whoever goes on then has the room that it gave.
      if (this.#active >= this.#options.concurrency && !this.#drain.signal.aborted) {
        return new Promise(resolve => this.#returning.push(resolve))
      }
      this.#active += 1
      return undefined
    },
  }
}

interface Room {
  give(): void
  take(): Promise<void> | undefined
}

class LaneSlot implements DeliverySlot {
  readonly ends: readonly AbortSignal[]
  readonly draining: AbortSignal
  readonly #room: Room
  #subscriptions = 1
  #waiting = 0
  #gave = false
  /** Resolves when there is room again. */
  #taking: Promise<void> | undefined

  constructor(ends: readonly AbortSignal[], draining: AbortSignal, room: Room) {
    this.ends = ends
    this.draining = draining
    this.#room = room
  }

  enlist(subscriptions: number): void {
    this.#subscriptions = subscriptions
  }

  retire(): void {
    this.#subscriptions -= 1
    this.#giveIfAllWait()
  }

  leave(): void {
    this.#waiting += 1
    this.#giveIfAllWait()
  }

  enter(): Promise<void> | undefined {
    this.#waiting -= 1
    // Another subscription to this record may be waiting for its room already: they go on together.
    if (!this.#gave) return this.#taking
    this.#gave = false
    this.#taking = this.#room.take()?.then(() => {
      this.#taking = undefined
    })
    return this.#taking
  }

  #giveIfAllWait(): void {
    if (this.#gave || this.#waiting === 0 || this.#waiting < this.#subscriptions) return
    this.#gave = true
    this.#room.give()
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
