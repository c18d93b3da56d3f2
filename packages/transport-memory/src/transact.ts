import { BusbarError, orderedEffects, type PendingCommit, type RecordPosition } from '@busbar/core'
import type { CommittedPosition, ConsumerGroup } from './consumer-group.js'
import type { RecordSender } from './record-sender.js'

/** Who commits, as the group knows it. */
interface Committer {
  readonly id: string
  readonly generation: number
}

/**
 * Commits the positions of some partitions and stores what belongs to them, as one step. Returns where the records of each
 * stand, or why nothing was stored, as far as the member knows.
 */
export function transact(
  { id, generation }: Committer,
  group: ConsumerGroup,
  sender: RecordSender,
  pending: readonly PendingCommit[],
): ReadonlyMap<PendingCommit, readonly RecordPosition[]> | BusbarError {
  try {
    const ordered = orderedEffects(pending)
    const staged = sender.stage(ordered.records)
    const stored = group.commit(id, generation, pending.map(positionOf), staged)
    if (stored) return new Map(pending.map(each => [each, ordered.shareOf(each, stored)]))
    const why = `the group went on without member '${id}', or the request or its answer was lost`
    return new BusbarError('TRANSACTION_FAILED', `a transaction of group '${group.name}' failed: ${why}`)
  } catch (thrown) {
    return BusbarError.from(thrown, 'TRANSACTION_FAILED', `storing a transaction of group '${group.name}'`)
  }
}

export function positionOf({ topic, partition, position }: PendingCommit): CommittedPosition {
  return { topic, partition, position }
}
