import type { ReadyEffects } from './effect-queue.js'
import type { OutboundRecord, RecordPosition, TopicPartition } from './transport.js'

/** What one partition brings to a transaction: a position, and the effects of what was acknowledged up to it. */
export interface PendingCommit extends TopicPartition {
  /** The position to commit. */
  readonly position: number
  /** To be stored with it, in this order: that of the acknowledged records in the log. */
  readonly records: readonly OutboundRecord[]
  /** For each of these when it was acknowledged, among all partitions: see `orderedEffects`. */
  readonly orders: readonly number[]
  /** The position of the acknowledged record that brought the record of this index. */
  sourceOf(index: number): number
  /**
   * Says that both were committed, with where the records stand: one position for each, in their order. Only the first call
   * counts. It counts also after the ownership has ended: whoever waits for its effects learns that they are there.
   */
  committed(positions: readonly RecordPosition[]): void
}

/** What a partition brings: its position, and the effects taken for it. `onCommitted` is called before those that brought them are told. */
export function pendingCommit(
  { topic, partition }: TopicPartition,
  position: number,
  taken: readonly ReadyEffects[],
  onCommitted: () => void,
): PendingCommit {
  let isOpen = true
  return {
    topic,
    partition,
    position,
    records: taken.flatMap(({ effects }) => effects.records),
    orders: taken.flatMap(({ effects, order }) => effects.records.map(() => order)),
    sourceOf: index => sourceOf(taken, index),
    committed: positions => {
      if (!isOpen) return
      isOpen = false
      onCommitted()
      tellCommitted(taken, positions)
    },
  }
}

function sourceOf(taken: readonly ReadyEffects[], index: number): number {
  let end = 0
  for (const { position, effects } of taken) {
    end += effects.records.length
    if (index < end) return position
  }
  throw new RangeError(`there is no record ${index}: there are ${end}`)
}

/** Tells each whose effects were committed where its records stand. */
function tellCommitted(taken: readonly ReadyEffects[], positions: readonly RecordPosition[]): void {
  let next = 0
  for (const { effects } of taken) {
    const first = next
    next += effects.records.length
    effects.onCommitted?.(positions.slice(first, next))
  }
}
