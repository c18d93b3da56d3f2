import {
  type BusbarError,
  orderedEffects,
  type PendingCommit,
  type RefusedEffects,
  type TopicPartition,
} from '@busbar/core'
import { labelOf } from './partition-label.js'

const maxDelayMs = 10_000

/** What a member remembers of the transactions that failed, by the number of their partitions. */
export class FailedTasks {
  readonly #baseMs: number
  readonly #inARow = new Map<number, number>()
  /** By partition and position: what will be refused the next time as well. */
  readonly #refused = new Map<string, Map<number, RefusedEffects>>()

  /** @param baseMs how long to wait after the first failure, in milliseconds; doubled for each in a row. */
  constructor(baseMs: number) {
    this.#baseMs = baseMs
  }

  /** Notes a failure. Returns how many there have been in a row, and how long to wait. */
  failed(pending: readonly PendingCommit[], error: BusbarError): { failure: number; delayMs: number } {
    this.#refuse(pending, error)
    const task = pending[0]?.partition ?? 0
    const failure = (this.#inARow.get(task) ?? 0) + 1
    this.#inARow.set(task, failure)
    return { failure, delayMs: Math.min(maxDelayMs, this.#baseMs * 2 ** Math.min(failure - 1, 30)) }
  }

  committed(pending: readonly PendingCommit[]): void {
    for (const { topic, partition, position } of pending) {
      this.#inARow.delete(partition)
      const refused = this.#refused.get(labelOf({ topic, partition }))
      for (const offset of refused?.keys() ?? []) if (offset < position) refused?.delete(offset)
    }
  }

  refused(at: TopicPartition, offset: number): RefusedEffects | undefined {
    return this.#refused.get(labelOf(at))?.get(offset)
  }

  /** Forgets a partition that is another member's now. */
  forget(at: TopicPartition): void {
    this.#refused.delete(labelOf(at))
  }

  #refuse(pending: readonly PendingCommit[], { failures }: BusbarError): void {
    const errors = new Map(
      failures.filter(({ error }) => !error.retryable).map(each => [each.index, each.error]),
    )
    const ordered = orderedEffects(pending)
    for (const each of pending) {
      const label = labelOf(each)
      const before = this.#refused.get(label) ?? new Map<number, RefusedEffects>()
      const now = new Map<number, BusbarError>()
      for (const [index] of each.records.entries()) {
        const error = errors.get(ordered.indexOf(each, index))
        const offset = error && each.sourceOf(index)
        if (error && offset !== undefined && !now.has(offset)) now.set(offset, error)
      }
      for (const [offset, error] of now)
        before.set(offset, { error, times: (before.get(offset)?.times ?? 0) + 1 })
      if (before.size > 0) this.#refused.set(label, before)
    }
  }
}
