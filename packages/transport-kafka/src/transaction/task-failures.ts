import type { BusbarError, PendingCommit, RefusedEffects, TopicPartition } from '@busbar/core'
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
    for (const { index, error } of failures) {
      if (error.retryable) continue
      const [part, within] = partOf(pending, index)
      const offset = part?.sourceOf(within)
      if (!part || offset === undefined || told.has(`${offset} ${part.topic}`)) continue
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

/** Which part of a transaction brought its record of this index, and as which of its own. */
function partOf(
  pending: readonly PendingCommit[],
  index: number,
): readonly [PendingCommit | undefined, number] {
  let within = index
  for (const part of pending) {
    if (within < part.records.length) return [part, within]
    within -= part.records.length
  }
  return [undefined, within]
}
