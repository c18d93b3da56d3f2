import type { BusEvent } from './bus-event.js'
import type { PartitionPosition } from './transport.js'

/** How far a bus has come between its making and its end. */
export type BusState = 'new' | 'starting' | 'running' | 'draining' | 'closed'

/** How a bus is. */
export interface BusHealth {
  readonly state: BusState
  /** `red` while there is a problem that somebody should look at. */
  readonly status: 'green' | 'red'
  readonly problems: readonly HealthProblem[]
  /** Where the groups of this bus stand, those partitions included that other instances hold. */
  readonly partitions: readonly PartitionHealth[]
}

export const problemKinds = [
  'stalled',
  'consumer-restarting',
  'consumer-failed',
  'record',
  'broker',
  'outbox',
  'check',
] as const

/** Something that keeps records from being finished or published. */
export interface HealthProblem {
  /**
   * - `stalled`: records of a partition wait, and none has been finished for long; or its state is being restored and makes no progress.
   * - `consumer-restarting`: the consumer of a group died and is being restarted.
   * - `consumer-failed`: a group receives nothing more on this instance, until it is subscribed anew.
   * - `record`: a record that failed can't be dealt with: its dead letter can't be written, or the state it needs is not there.
   * - `broker`: the broker does not say where a group stands.
   * - `outbox`: a relay of an outbox can't publish what waits there.
   * - `check`: anything else that a check of {@link Bus.onHealth} tells, and a check that does not tell.
   */
  readonly kind: (typeof problemKinds)[number]
  /** What it is about: a record of a subscription, a partition of a group or its state, the group, or what a check was added for. */
  readonly what: string
  readonly reason: string
  /** Since when, in milliseconds since the epoch. */
  readonly sinceMs: number
  readonly group?: string
  readonly topic?: string
  readonly partition?: number
}

/** Where a group stands in a partition, and what this instance does with it. */
export interface PartitionHealth extends PartitionPosition {
  readonly group: string
  /** Whether it is assigned to this instance. */
  readonly isHeld: boolean
  /**
   * Records of it that this instance handles now, those that wait for their next attempt included; 0 in groups that commit with
   * transactions, which don't tell.
   */
  readonly running: number
  /** Whether this instance restores the state that its records need, so that none can be handled yet. */
  readonly isRestoring: boolean
  /**
   * For how long records have waited of which none was finished, in milliseconds; 0 while there are none. While the state is being
   * restored: since that has gone on the last time.
   */
  readonly waitingMs: number
}

/** The problems of a bus that were told to it and are not over. */
export class Problems {
  readonly #now: () => number
  readonly #problems = new Map<string, HealthProblem>()

  constructor(now: () => number) {
    this.#now = now
  }

  get all(): readonly HealthProblem[] {
    return [...this.#problems.values()]
  }

  /** Notes a problem; one that is noted already keeps its beginning. */
  raise(problem: Omit<HealthProblem, 'sinceMs'>): void {
    const sinceMs = this.#problems.get(problem.what)?.sinceMs ?? this.#now()
    this.#problems.set(problem.what, { ...problem, sinceMs })
  }

  /** Notes what the transport tells of consumers, and of partitions that are somebody else's now. */
  onEvent(event: BusEvent): void {
    const { type } = event
    if (type === 'revoked')
      for (const { topic, partition } of event.partitions)
        this.#forget(
          each => each.group === event.group && each.topic === topic && each.partition === partition,
        )
    if (type === 'consumer-restarted') this.clear(() => consumerOf(event.group))
    if (type !== 'consumer-restarting' && type !== 'consumer-failed') return
    const { group, error } = event
    this.raise({ kind: type, what: consumerOf(group), reason: error.message, group })
  }

  /** Nobody here takes part in the group any more. */
  left(group: string): void {
    this.#forget(each => each.group === group)
  }

  #forget(isOver: (problem: HealthProblem) => boolean): void {
    for (const [what, problem] of this.#problems) if (isOver(problem)) this.#problems.delete(what)
  }

  /** Notes that a problem is over, if there was one. */
  clear(what: () => string): void {
    if (this.#problems.size > 0) this.#problems.delete(what())
  }
}

function consumerOf(group: string): string {
  return `consumer of group ${group}`
}
