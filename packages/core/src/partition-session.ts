import { EffectQueue } from './effect-queue.js'
import { BusbarError } from './error.js'
import { Fifo } from './fifo.js'
import { type PendingCommit, pendingCommit } from './pending-commit.js'
import { type PrefixSlot, PrefixTracker } from './prefix-tracker.js'
import type { Runtime, Timer } from './runtime.js'
import type {
  Deliver,
  Delivery,
  DeliveryBatch,
  InboundRecord,
  Outcome,
  RefusedEffects,
  TopicPartition,
} from './transport.js'

export interface PartitionSessionOptions extends TopicPartition {
  /** The position of the first record to come: the committed one. */
  readonly start: number
  readonly deliver: Deliver
  readonly runtime: Runtime
  /** Records that may be delivered and unfinished; what was pushed beyond waits here. */
  readonly maxInFlight: number
  /** Called whenever the committable position moved. */
  readonly onProgress?: () => void
  /** Whether acknowledgements may carry effects: `SubscribeSpec.transactional`. Default: false, such a settlement throws. */
  readonly transactional?: boolean
  /** The committed position, where it is not `start`: undefined for none. Default: `start`. */
  readonly committed?: number | undefined
  /** What was refused of the effects of a record in an ownership before this one. Default: nothing. */
  readonly refused?: (offset: number) => RefusedEffects | undefined
}

/** How many positions may be kept behind one unfinished record, as a multiple of `maxInFlight`. */
const spanFactor = 16

/**
 * One member's ownership of one partition, for use by transports: turns fetched records into deliveries, knows which
 * prefix is finished, brings back what was handed back, in order per key, and says when more is welcome.
 */
export class PartitionSession {
  readonly topic: string
  readonly partition: number
  readonly #tracker: PrefixTracker
  readonly #options: PartitionSessionOptions
  readonly #revocation = new AbortController()
  /** By key: records handed back, and those that came behind them. A key that is here delivers nothing by itself. */
  readonly #held = new Map<unknown, HeldKey>()
  /** Taken and not delivered yet, in the order of the log: a fetch may bring more than may be in flight. */
  readonly #backlog = new Fifo<Entry>()
  readonly #effects = new EffectQueue()
  #committed: number | undefined
  #isDeliveringSoon = false
  /** Deliver calls that have not yet welcomed more. */
  #busy = 0
  #paused = false
  #waiters: (() => void)[] = []

  constructor(options: PartitionSessionOptions) {
    this.topic = options.topic
    this.partition = options.partition
    this.#options = options
    this.#committed = 'committed' in options ? options.committed : options.start
    const onPassed = options.transactional ? (position: number) => this.#effects.pass(position) : undefined
    this.#tracker = new PrefixTracker(options.start, onPassed)
  }

  /** Aborts when this ownership ends. */
  get signal(): AbortSignal {
    return this.#revocation.signal
  }

  /** The position that may be committed: everything below it is finished. */
  get committable(): number {
    return this.#tracker.committable
  }

  /** The position that is expected next from the log. */
  get next(): number {
    return this.#tracker.next
  }

  /** Taken and not finished. */
  get unfinished(): number {
    return this.#tracker.unfinished
  }

  /**
   * What a transaction would commit now; undefined when nothing has moved since the last commit, or the ownership has ended.
   * It stays as it is while more is acknowledged. One at a time: ask for the next when this one is committed. One that
   * fails ends the ownership (`revoke`), or is asked for again if it is certain that nothing of it was stored.
   */
  get pending(): PendingCommit | undefined {
    if (this.signal.aborted) return undefined
    const position = this.#tracker.committable
    if (position === this.#committed) return undefined
    return pendingCommit(this, position, this.#effects.ready(), () => {
      this.#committed = position
      this.#effects.drop(position)
      this.#wake()
    })
  }

  /** Whether so many effects wait for a commit that it should come now rather than after its interval. */
  get isCommitDue(): boolean {
    return this.#effects.isDue
  }

  /** Whether `push` would be welcome now. */
  get welcome(): boolean {
    return (
      this.#busy === 0 &&
      !this.#effects.isFull &&
      this.#tracker.unfinished < this.#options.maxInFlight &&
      this.#tracker.span < this.#options.maxInFlight * spanFactor
    )
  }

  /**
   * Takes records as they were fetched, in order; those already taken are passed over. Delivers what may be in flight,
   * and the rest as room is made. Resolves when more is welcome, or at once when the ownership has ended.
   */
  push(records: readonly InboundRecord[]): Promise<void> {
    if (this.signal.aborted) return Promise.resolve()
    for (const record of records) {
      if (record.offset < this.#tracker.next) continue
      this.#backlog.push(new Entry(this, record, this.#tracker.add(record.offset)))
    }
    this.#deliverBacklog()
    return this.whenWelcome()
  }

  /**
   * Passes over positions that hold no record: transaction markers, aborted or compacted records, records that the log
   * has lost. Without it a commit would stay behind them for ever. Going backwards does nothing.
   */
  skipTo(position: number): void {
    if (this.signal.aborted) return
    const before = this.#tracker.committable
    this.#tracker.skipTo(position)
    if (this.#tracker.committable !== before) this.#options.onProgress?.()
  }

  /** Resolves when more is welcome, or the ownership has ended. */
  whenWelcome(): Promise<void> {
    if (this.welcome || this.signal.aborted) return Promise.resolve()
    return new Promise(resolve => this.#waiters.push(resolve))
  }

  /** Brings back nothing until {@link resume}. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    for (const [key, held] of this.#held) if (held.due) this.#redeliver(key)
    this.#wake()
  }

  /** Ends the ownership: signals abort, no settlement counts any more, and nothing is delivered again. */
  revoke(reason: unknown): void {
    if (this.signal.aborted) return
    for (const held of this.#held.values()) held.timer?.cancel()
    this.#held.clear()
    this.#backlog.clear()
    this.#effects.clear()
    this.#revocation.abort(reason)
    this.#wake()
  }

  /** Refuses what this ownership cannot take. Only for {@link Entry}. */
  check(outcome: Outcome): void {
    if (outcome.kind !== 'ack' || !outcome.effects || this.#options.transactional) return
    throw new BusbarError(
      'CONFIG_INVALID',
      `acknowledging a record of ${this.topic}/${this.partition} with effects: its subscription is not transactional`,
    )
  }

  /** What was refused of a record's effects before. Only for {@link Entry}. */
  refused(offset: number): RefusedEffects | undefined {
    return this.#options.refused?.(offset)
  }

  /** Takes a settlement from an entry. Only for {@link Entry}. */
  settled(entry: Entry, outcome: Outcome): void {
    if (outcome.kind === 'ack') {
      if (outcome.effects) this.#effects.add(entry.record.offset, outcome.effects)
      const before = this.#tracker.committable
      this.#tracker.finish(entry.slot)
      if (this.#tracker.committable !== before) this.#options.onProgress?.()
      this.#wake()
    } else {
      this.#hold(entry, outcome.delayMs ?? 0)
    }
  }

  #hold(entry: Entry, delayMs: number): void {
    const held = this.#held.get(entry.laneKey) ?? { entries: [], due: false, timer: undefined }
    this.#held.set(entry.laneKey, held)
    // Whoever nacks in order finds its place at the end; anyone else is put where the log has it.
    const index = held.entries.findLastIndex(other => other.record.offset < entry.record.offset) + 1
    held.entries.splice(index, 0, entry)
    if (index > 0) return
    // The first of the key decides when the key comes again: what is behind it cannot come sooner.
    held.timer?.cancel()
    held.due = false
    held.timer = this.#options.runtime.setTimer(delayMs, () => {
      held.due = true
      if (!this.#paused) this.#redeliver(entry.laneKey)
    })
  }

  #redeliver(key: unknown): void {
    const held = this.#held.get(key)
    if (!held) return
    this.#held.delete(key)
    this.#deliver(held.entries.map(entry => entry.nextDelivery()))
  }

  #deliverBacklog(): void {
    // Effects that wait for records which are still to be finished wait for such that were delivered before: these.
    if (this.#paused || this.signal.aborted || this.#effects.isFull) return
    let room = this.#options.maxInFlight - (this.#tracker.unfinished - this.#backlog.length)
    const deliveries: Delivery[] = []
    for (; room > 0; room -= 1) {
      const entry = this.#backlog.shift()
      if (!entry) break
      const held = this.#held.size === 0 ? undefined : this.#held.get(entry.laneKey)
      if (held) held.entries.push(entry)
      else deliveries.push(entry.nextDelivery())
    }
    this.#deliver(deliveries)
  }

  #deliver(deliveries: Delivery[]): void {
    if (deliveries.length === 0) return
    const batch: DeliveryBatch = {
      topic: this.topic,
      partition: this.partition,
      deliveries,
      signal: this.signal,
    }
    this.#busy += 1
    const welcomed = () => {
      this.#busy -= 1
      this.#wake()
    }
    this.#options.deliver(batch).then(welcomed, welcomed)
  }

  #wake(): void {
    if (this.#backlog.length > 0 && !this.#isDeliveringSoon && !this.signal.aborted) {
      // Once for all that is settled in this turn: a batch for each would be one record long.
      this.#isDeliveringSoon = true
      this.#options.runtime.defer(() => {
        this.#isDeliveringSoon = false
        if (this.#busy === 0) this.#deliverBacklog()
      })
    }
    if (this.#waiters.length === 0 || !(this.welcome || this.signal.aborted)) return
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }
}

interface HeldKey {
  readonly entries: Entry[]
  /** The delay is over, but deliveries are paused. */
  due: boolean
  timer: Timer | undefined
}

/** A record while it is unfinished: it outlives the deliveries that carry it. */
class Entry {
  readonly record: InboundRecord
  readonly slot: PrefixSlot
  readonly #session: PartitionSession
  #attempt = 0
  #open: Delivery | undefined

  constructor(session: PartitionSession, record: InboundRecord, slot: PrefixSlot) {
    this.#session = session
    this.record = record
    this.slot = slot
  }

  /** Records of one key share a lane; a record without a key is alone in its own. */
  get laneKey(): unknown {
    return this.record.key === null ? this : laneKeyOf(this.record.key)
  }

  nextDelivery(): Delivery {
    const refused = this.#session.refused(this.record.offset)
    const delivery: Delivery = {
      record: this.record,
      attempt: ++this.#attempt,
      ...(refused && { refused }),
      settle: outcome => {
        this.#session.check(outcome)
        if (this.#open !== delivery || this.#session.signal.aborted) return false
        this.#open = undefined
        if (outcome.kind === 'nack' && outcome.untried) this.#attempt -= 1
        this.#session.settled(this, outcome)
        return true
      },
    }
    this.#open = delivery
    return delivery
  }
}

/** A key's bytes as a string that is equal for equal bytes. */
export function laneKeyOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}
