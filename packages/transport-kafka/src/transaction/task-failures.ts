import {
  type BusbarError,
  orderedEffects,
  type PendingCommit,
  type RefusedEffects,
  type TopicPartition,
} from '@busbar/core'
import { partitionKey } from '../log-offsets.js'

/** After the first failure, in milliseconds; doubled for each in a row. */
const firstDelayMs = 25
const maxDelayMs = 10_000

/** What a task remembers of its transactions that failed. */
export class TaskFailures {
  #inARow = 0
  /** By partition and position: what will be refused the next time as well. */
  readonly #refused = new Map<string, Map<number, RefusedEffects>>()

  /** Counts a failure: the how-manieth in a row it is, and how long to wait. */
  failed(): { readonly failure: number; readonly delayMs: number } {
    this.#inARow += 1
    const delayMs = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(this.#inARow - 1, 20))
    return { failure: this.#inARow, delayMs }
  }

  /** Notes which of the acknowledged records the effects came with that an error names. */
  refuse(pending: readonly PendingCommit[], { failures }: BusbarError): void {
    const told = new Set<string>()
    const ordered = orderedEffects(pending)
    for (const { index, error } of failures) {
      if (error.retryable) continue
      const place = ordered.placeOf(index)
      if (!place) continue
      const { pending: part, own } = place
      const offset = part.sourceOf(own)
      if (told.has(`${offset} ${part.topic}`)) continue
      told.add(`${offset} ${part.topic}`)
      const key = partitionKey(part.topic, part.partition)
      const ofPartition = this.#refused.get(key) ?? new Map<number, RefusedEffects>()
      this.#refused.set(key, ofPartition)
      ofPartition.set(offset, { error, times: (ofPartition.get(offset)?.times ?? 0) + 1 })
    }
  }

  committed(pending: readonly PendingCommit[]): void {
    this.#inARow = 0
    for (const { topic, partition, position } of pending) {
      const ofPartition = this.#refused.get(partitionKey(topic, partition))
      for (const offset of ofPartition?.keys() ?? []) if (offset < position) ofPartition?.delete(offset)
    }
  }

  /** What was refused in a partition, by position. */
  refusedIn({ topic, partition }: TopicPartition): (offset: number) => RefusedEffects | undefined {
    return offset => this.#refused.get(partitionKey(topic, partition))?.get(offset)
  }
}
