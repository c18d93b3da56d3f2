import type { GroupCommit } from '@busbar/transport-memory'
import type { Delivery, OutboundRecord, Outcome, RecordPosition, TopicPartition } from '../transport.js'

/** One ownership of one partition by one member of a group, from its assignment to its revocation. */
export interface Ownership extends TopicPartition {
  readonly group: string
  /** The name of the bus. */
  readonly bus: string
  readonly maxInFlight: number
  /** Aborts when it ends. */
  readonly signal: AbortSignal
}

/** Sees what passes between buses and broker; for oracles. Must not throw. */
export interface TestObserver {
  /** Records were stored. */
  readonly stored?: (records: readonly OutboundRecord[], positions: readonly RecordPosition[]) => void
  /** A delivery is about to be handed to a bus. */
  readonly delivered?: (ownership: Ownership, delivery: Delivery) => void
  /** A bus settled a delivery; `counted`: the transport took it. */
  readonly settled?: (ownership: Ownership, delivery: Delivery, outcome: Outcome, counted: boolean) => void
  /** A member commits; it counts unless `lost`. */
  readonly committed?: (commit: GroupCommit, lost: boolean) => void
}
