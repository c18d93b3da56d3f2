import {
  type BusbarError,
  type Logger,
  type Runtime,
  type SubscribeSpec,
  sleep,
  type TopicPartition,
  type TransportEvent,
} from '@busbar/core'
import { commitPositions } from './commit-positions.js'
import { CommitScheduler } from './commit-scheduler.js'
import type { Generation } from './coordinator-gate.js'
import type { HeldSet } from './held-set.js'
import { type StartPosition, startPositions } from './start-positions.js'

/** Says where a member begins with partitions, and stores what it has finished. */
export interface PositionKeeper {
  /** The member is to hold exactly these. Says which of those that it holds have to begin anew though they stay here. */
  assign(partitions: readonly TopicPartition[]): readonly TopicPartition[]
  /** Where the member begins with these, of which it holds nothing; stored where that was not so yet. */
  begin(
    generation: Generation,
    partitions: readonly TopicPartition[],
    report: (event: TransportEvent) => void,
  ): Promise<readonly StartPosition[]>
  /** There is more to commit of a partition; `idle`: soon. */
  request(of: TopicPartition, idle: boolean): void
  /** Commits what is finished before the member joins anew, within a while. Never rejects. */
  beforeJoin(): Promise<void>
  /** The member has joined, and holds what it was assigned. */
  joined(): void
  /** Revokes what is held, and commits what was finished. Never rejects. */
  close(reason: BusbarError): Promise<void>
}

export interface PositionKeeperOptions {
  readonly spec: SubscribeSpec
  readonly held: HeldSet
  readonly runtime: Runtime
  readonly logger: Logger
  readonly commitIntervalMs: number
  /** The membership as it is now; undefined where there is none. */
  readonly generation: () => Generation | undefined
  /** Called when the group's work has moved on. */
  readonly onProgress: () => void
}

/** How long a join may wait for the commit before it. */
export const commitBeforeJoinMs = 1_000

/** Keeps positions as any consumer does: one request commits those of all partitions. */
export class GroupPositions implements PositionKeeper {
  readonly #options: PositionKeeperOptions
  readonly #commits: CommitScheduler

  constructor(options: PositionKeeperOptions) {
    const { runtime, logger, commitIntervalMs } = options
    this.#options = options
    const commit = (): Promise<boolean> => this.#commit()
    this.#commits = new CommitScheduler({ runtime, logger, intervalMs: commitIntervalMs, commit })
  }

  assign(): readonly TopicPartition[] {
    return []
  }

  async begin(
    generation: Generation,
    partitions: readonly TopicPartition[],
    report: (event: TransportEvent) => void,
  ): Promise<readonly StartPosition[]> {
    const { spec, runtime } = this.#options
    const starts = await startPositions(generation, partitions, spec.from, runtime, report)
    const anew = starts.filter(({ committed }) => committed === undefined)
    if (anew.length > 0)
      await commitPositions(
        generation,
        anew.map(start => ({ ...start, position: start.start })),
      )
    return starts.map(start => ({ ...start, committed: start.start }))
  }

  request(_: TopicPartition, idle: boolean): void {
    this.#commits.request(idle)
  }

  /** The coordinator takes it until all members have joined. */
  async beforeJoin(): Promise<void> {
    await Promise.race([this.#commits.flush(), sleep(this.#options.runtime, commitBeforeJoinMs)])
  }

  joined(): void {}

  async close(reason: BusbarError): Promise<void> {
    for (const held of this.#options.held.all) held.revoke(reason)
    this.#commits.stop()
    await this.#commits.flush()
  }

  async #commit(): Promise<boolean> {
    const generation = this.#options.generation()
    const moved = this.#options.held.all.flatMap(held => {
      const position = held.uncommitted
      if (position === undefined) return []
      const { topic, partition, partitionsAtStart } = held
      return [{ held, topic, partition, position, partitionsAtStart }]
    })
    if (!generation || moved.length === 0) return false
    await commitPositions(generation, moved)
    for (const { held, position } of moved) held.committed = position
    this.#options.onProgress()
    return true
  }
}
