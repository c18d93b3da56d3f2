import { BusbarError, reasonOf } from './error.js'
import type { HealthProblem, PartitionHealth } from './health.js'
import type { HeldPartitions } from './partition-progress.js'
import { doneWithin } from './runner.js'
import type { Runtime } from './runtime.js'
import type { PartitionPosition, Transport } from './transport.js'

export interface LagWatchOptions {
  readonly transport: Transport
  readonly runtime: Runtime
  readonly held: HeldPartitions
  readonly stalledAfterMs: number
}

/** A group that a bus takes part in, and the topics that it reads there. */
export interface JoinedGroup {
  readonly group: string
  readonly topics: readonly string[]
}

export interface LagReport {
  readonly partitions: readonly PartitionHealth[]
  readonly problems: readonly HealthProblem[]
}

/** Since when a position stands where it stands although there is more to read. */
interface Standstill {
  readonly committed: number
  readonly sinceMs: number
}

/** Compares where groups stand with where they stood, whenever it is asked: it has no timers of its own. */
export class LagWatch {
  readonly #options: LagWatchOptions
  readonly #standstills = new Map<string, Standstill>()

  constructor(options: LagWatchOptions) {
    this.#options = options
  }

  /** Where the groups stand; what can't be found out within `timeoutMs` is a problem. Never rejects. */
  async look(groups: readonly JoinedGroup[], timeoutMs: number): Promise<LagReport> {
    const reports = await Promise.all(groups.map(group => this.#lookAt(group, timeoutMs)))
    return {
      partitions: reports.flatMap(({ partitions }) => partitions),
      problems: reports.flatMap(({ problems }) => problems),
    }
  }

  async #lookAt({ group, topics }: JoinedGroup, timeoutMs: number): Promise<LagReport> {
    const { runtime } = this.#options
    try {
      const positions = await this.#positions(group, timeoutMs)
      const nowMs = runtime.now()
      // A group keeps its positions in topics that it read once: nobody is behind there.
      const read = positions.filter(({ topic }) => topics.includes(topic))
      const partitions = read.map(position => this.#healthOf(group, position, nowMs))
      const problems = partitions.flatMap(each => this.#stallOf(each, nowMs) ?? [])
      return { partitions, problems }
    } catch (thrown) {
      const reason = `its positions can't be read: ${reasonOf(thrown)}`
      const problem = {
        kind: 'broker',
        what: `group ${group}`,
        reason,
        group,
        sinceMs: runtime.now(),
      } as const
      return { partitions: [], problems: [problem] }
    }
  }

  async #positions(group: string, timeoutMs: number): Promise<readonly PartitionPosition[]> {
    const { transport, runtime } = this.#options
    let positions: readonly PartitionPosition[] = []
    const reading = transport.positions(group).then(read => {
      positions = read
    })
    if (await doneWithin(runtime, timeoutMs, reading)) return positions
    throw new BusbarError('CONNECTION_FAILED', `the broker did not answer within ${timeoutMs} ms`)
  }

  #healthOf(group: string, position: PartitionPosition, nowMs: number): PartitionHealth {
    const { topic, partition, lag } = position
    const progress = this.#options.held.of(group, topic, partition)
    const seenMs = this.#standstillOf(group, position, nowMs)
    const waitingSinceMs = lag === 0 ? undefined : (progress?.waitingSinceMs(seenMs) ?? seenMs)
    return {
      ...position,
      group,
      isHeld: progress !== undefined,
      running: progress?.running ?? 0,
      waitingMs: waitingSinceMs === undefined ? 0 : Math.max(0, nowMs - waitingSinceMs),
    }
  }

  #standstillOf(
    group: string,
    { topic, partition, committed, lag }: PartitionPosition,
    nowMs: number,
  ): number {
    const place = `${group}/${topic}/${partition}`
    const before = this.#standstills.get(place)
    if (lag > 0 && before?.committed === committed) return before.sinceMs
    if (lag > 0) this.#standstills.set(place, { committed, sinceMs: nowMs })
    else this.#standstills.delete(place)
    return nowMs
  }

  /** Of a partition that is another instance's, that one says so. */
  #stallOf(health: PartitionHealth, nowMs: number): HealthProblem | undefined {
    const { group, topic, partition, isHeld, lag, running, waitingMs } = health
    if (!isHeld || waitingMs < this.#options.stalledAfterMs) return undefined
    const handlers =
      running === 0 ? 'no handler runs' : running === 1 ? '1 handler runs' : `${running} handlers run`
    return {
      kind: 'stalled',
      what: `partition ${topic}/${partition} of group ${group}`,
      reason: `${lag} ${lag === 1 ? 'record waits' : 'records wait'}, and none has been finished for ${Math.round(waitingMs / 1_000)} s: ${handlers}`,
      sinceMs: nowMs - waitingMs,
      group,
      topic,
      partition,
    }
  }
}
