import {
  type Deliver,
  type InboundRecord,
  PartitionSession,
  type PendingCommit,
  type RecordPosition,
  type RefusedEffects,
  type Runtime,
} from '@busbar/core'
import type { FetchTarget } from './partition-fetch.js'

export interface HeldPartitionOptions {
  readonly topic: string
  readonly partition: number
  /** Where reading begins. */
  readonly start: number
  /** What the group has committed, as far as known; undefined where that is to be written anew. */
  readonly committed: number | undefined
  /** Goes with each commit: see `start-positions.ts`. */
  readonly partitionsAtStart: number
  readonly deliver: Deliver
  readonly maxInFlight: number
  /** Whether acknowledgements may carry effects: {@link HeldPartition.pending} goes for `uncommitted` then. */
  readonly transactional: boolean
  /** What was refused of the effects of a record in an ownership before this one. */
  readonly refused?: ((offset: number) => RefusedEffects | undefined) | undefined
  readonly runtime: Runtime
  /** Called when more of the partition may be fetched again. */
  readonly onWelcome: () => void
  /** Called when there is more to commit; `idle`: and nothing of the partition is unfinished. */
  readonly onProgress: (idle: boolean) => void
  /** Whether the whole subscription is paused. */
  readonly paused: () => boolean
}

/** A partition while this member holds it: what is fetched next, what is unfinished, what was committed. */
export class HeldPartition implements FetchTarget {
  readonly topic: string
  readonly partition: number
  readonly partitionsAtStart: number
  /** The position that the group's coordinator is known to have. */
  committed: number | undefined
  readonly #session: PartitionSession
  readonly #options: HeldPartitionOptions
  #heldSince: number | undefined
  #fetched: { readonly records: readonly InboundRecord[]; readonly next: number; taken: number } | undefined
  /** Whether a portion was handed over and more is not welcome yet. */
  #handing = false

  constructor(options: HeldPartitionOptions) {
    this.topic = options.topic
    this.partition = options.partition
    this.partitionsAtStart = options.partitionsAtStart
    this.committed = options.committed
    this.#options = options
    this.#session = new PartitionSession({
      topic: options.topic,
      partition: options.partition,
      start: options.start,
      deliver: options.deliver,
      runtime: options.runtime,
      maxInFlight: options.maxInFlight,
      transactional: options.transactional,
      committed: options.committed,
      ...(options.refused && { refused: options.refused }),
      onProgress: () => options.onProgress(this.#session.unfinished === 0 || this.#session.isCommitDue),
    })
    if (options.paused()) this.#session.pause()
  }

  get position(): number {
    return this.#session.next
  }

  get heldSince(): number | undefined {
    if (this.#session.signal.aborted || this.#options.paused()) return Number.NEGATIVE_INFINITY
    return this.#heldSince
  }

  /** What should be committed and is not. */
  get uncommitted(): number | undefined {
    return this.#session.committable === this.committed ? undefined : this.#session.committable
  }

  /** What a transaction should commit and is not; undefined where there is nothing, or the ownership has ended. */
  get pending(): PendingCommit | undefined {
    const pending = this.#session.pending
    if (!pending) return undefined
    const committed = (positions: readonly RecordPosition[]) => {
      this.committed = pending.position
      pending.committed(positions)
    }
    return { ...pending, committed }
  }

  /** Where it began, as long as that was not committed: whoever begins it anew begins there. */
  get uncommittedStart(): number | undefined {
    return this.committed === undefined ? this.#options.start : undefined
  }

  /** A fetch may bring more than may be in flight: the rest waits here, and no more is fetched before it is through. */
  take(records: readonly InboundRecord[], next: number): void {
    this.#fetched = { records, next, taken: 0 }
    this.#heldSince = this.#options.runtime.now()
    this.#handOver()
  }

  #handOver(): void {
    const fetched = this.#fetched
    if (!fetched || this.#handing || this.#options.paused()) return
    const { records, next, taken } = fetched
    const room = Math.max(1, this.#options.maxInFlight - this.#session.unfinished)
    const portion = taken === 0 && records.length <= room ? records : records.slice(taken, taken + room)
    fetched.taken += portion.length
    const welcome = this.#session.push(portion)
    if (fetched.taken >= records.length) {
      this.#session.skipTo(next)
      this.#fetched = undefined
    }
    this.#handing = true
    // Usually the promise is resolved already, and this runs before the next request is made.
    void welcome.then(() => {
      this.#handing = false
      if (this.#session.signal.aborted) this.#fetched = undefined
      if (this.#fetched) return this.#handOver()
      this.#heldSince = undefined
      this.#options.onWelcome()
    })
  }

  /** Passes over what the log no longer has. */
  skipTo(position: number): void {
    this.#session.skipTo(position)
  }

  pause(): void {
    this.#session.pause()
  }

  resume(): void {
    this.#session.resume()
    this.#handOver()
  }

  /** Ends the ownership: what is unfinished is aborted, and what was finished can still be committed. */
  revoke(reason: unknown): void {
    this.#session.revoke(reason)
  }
}
