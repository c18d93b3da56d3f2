import { type Deliver, type InboundRecord, PartitionSession, type Runtime } from '@busbar/core'
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
      onProgress: () => options.onProgress(this.#session.unfinished === 0),
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

  take(records: readonly InboundRecord[], next: number): void {
    const welcome = this.#session.push(records)
    this.#session.skipTo(next)
    this.#heldSince = this.#options.runtime.now()
    // Usually the promise is resolved already, and this runs before the next request is made.
    void welcome.then(() => {
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
  }

  /** Ends the ownership: what is unfinished is aborted, and what was finished can still be committed. */
  revoke(reason: unknown): void {
    this.#session.revoke(reason)
  }
}
