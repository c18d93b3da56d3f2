import type { PendingCommit, Runtime, Timer } from '@busbar/core'
import type { HeldPartition } from './held-partition.js'

export interface PrefixCommitterOptions {
  readonly runtime: Runtime
  /** How long a moved prefix may wait, in milliseconds. */
  readonly intervalMs: number
  /** Whether partitions of different numbers are committed apart. */
  readonly byTask: boolean
  /** What the member holds by now. */
  readonly held: () => Iterable<HeldPartition>
  /** Commits at the group; false where it is to be tried again. */
  readonly commit: (pending: readonly PendingCommit[]) => boolean
}

/** Commits the finished prefixes of a member: some time after they moved, all at once, or when told to. */
export class PrefixCommitter {
  readonly #options: PrefixCommitterOptions
  #timer: Timer | undefined
  #isSoon = false

  constructor(options: PrefixCommitterOptions) {
    this.#options = options
  }

  /** Commits once the interval has passed. */
  later(): void {
    const { runtime, intervalMs } = this.#options
    this.#timer ??= runtime.setTimer(intervalMs, () => this.now())
  }

  /** Commits after this turn. */
  soon(): void {
    if (this.#isSoon) return
    this.cancel()
    this.#isSoon = true
    this.#timer = this.#options.runtime.setTimer(0, () => this.now())
  }

  /** Commits every prefix that moved since it was committed. */
  now(): void {
    this.cancel()
    const moved = [...this.#options.held()].flatMap(({ session }) => session.pending ?? [])
    for (const pending of this.#options.byTask ? tasksOf(moved) : [moved]) {
      if (pending.length > 0 && !this.#options.commit(pending)) this.later()
    }
  }

  /** Forgets what waits. */
  cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#isSoon = false
  }
}

function tasksOf(pending: readonly PendingCommit[]): Iterable<readonly PendingCommit[]> {
  const tasks = new Map<number, PendingCommit[]>()
  for (const each of pending) {
    const task = tasks.get(each.partition)
    if (task) task.push(each)
    else tasks.set(each.partition, [each])
  }
  return tasks.values()
}
