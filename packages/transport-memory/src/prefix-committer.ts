import type { Runtime, Timer } from '@busbar/core'
import type { CommittedPosition } from './consumer-group.js'
import type { HeldPartition } from './held-partition.js'

export interface PrefixCommitterOptions {
  readonly runtime: Runtime
  /** How long a moved prefix may wait, in milliseconds. */
  readonly intervalMs: number
  /** What the member holds by now. */
  readonly held: () => Iterable<HeldPartition>
  /** Commits at the group; false where it refuses. */
  readonly commit: (positions: readonly CommittedPosition[]) => boolean
}

/** Commits the finished prefixes of a member: some time after they moved, all at once, or when told to. */
export class PrefixCommitter {
  readonly #options: PrefixCommitterOptions
  #timer: Timer | undefined

  constructor(options: PrefixCommitterOptions) {
    this.#options = options
  }

  /** Commits once the interval has passed. */
  later(): void {
    this.#timer ??= this.#options.runtime.setTimer(this.#options.intervalMs, () => this.now())
  }

  /** Commits every prefix that moved since it was committed; what the group refuses is tried again. */
  now(): void {
    this.cancel()
    const moved = [...this.#options.held()].filter(held => held.session.committable !== held.lastCommitted)
    const positions = moved.map(({ session, log }) => {
      return { topic: log.topic, partition: log.partition, position: session.committable }
    })
    if (moved.length === 0) return
    if (this.#options.commit(positions))
      for (const held of moved) held.lastCommitted = held.session.committable
    else this.later()
  }

  /** Forgets what waits. */
  cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
