import { BusbarError, reasonOf } from './error.js'
import type { HealthProblem, PartitionHealth } from './health.js'
import type { HeldPartitions } from './partition-progress.js'
import { Question } from './question.js'
import type { Runtime } from './runtime.js'
import type { Restoration } from './stream/restoration.js'
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
  /** Whether it commits with transactions, and so does not tell of what it has not committed. */
  readonly transactional: boolean
  /** By partition number, of groups whose records need a state; only of partitions that this instance holds. */
  readonly restorations?: ReadonlyMap<number, Restoration>
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

/** What is remembered of a group from one look to the next. */
class GroupMemory {
  /** By `topic/partition`. */
  readonly standstills = new Map<string, Standstill>()
  readonly positions: Question<readonly PartitionPosition[]>
  /** Since when nobody says where it stands. */
  unknownSinceMs: number | undefined

  constructor(positions: Question<readonly PartitionPosition[]>) {
    this.positions = positions
  }
}

/** Compares where groups stand with where they stood, whenever it is asked: it has no timers of its own. */
export class LagWatch {
  readonly #options: LagWatchOptions
  readonly #memories = new Map<string, GroupMemory>()

  constructor(options: LagWatchOptions) {
    this.#options = options
  }

  /** Where the groups stand; what can't be found out within `timeoutMs` is a problem. Never rejects. */
  async look(groups: readonly JoinedGroup[], timeoutMs: number): Promise<LagReport> {
    for (const known of this.#memories.keys())
      if (!groups.some(({ group }) => group === known)) this.#memories.delete(known)
    const reports = await Promise.all(groups.map(group => this.#lookAt(group, timeoutMs)))
    return {
      partitions: reports.flatMap(({ partitions }) => partitions),
      problems: reports.flatMap(({ problems }) => problems),
    }
  }

  async #lookAt(joined: JoinedGroup, timeoutMs: number): Promise<LagReport> {
    const { group, topics } = joined
    const memory = this.#memoryOf(group)
    const standing = this.#standingRestorations(joined)
    try {
      const positions = await memory.positions.answer(timeoutMs)
      if (!positions)
        throw new BusbarError('CONNECTION_FAILED', `the broker did not answer within ${timeoutMs} ms`)
      memory.unknownSinceMs = undefined
      const nowMs = this.#options.runtime.now()
      // A group keeps its positions in topics that it read once: nobody is behind there.
      const read = positions.value.filter(({ topic }) => topics.includes(topic))
      const partitions = read.map(position => this.#healthOf(joined, memory, position, nowMs))
      const stalls = partitions.flatMap(each => this.#stallOf(each, joined.transactional, nowMs) ?? [])
      return { partitions, problems: [...standing, ...stalls] }
    } catch (thrown) {
      memory.unknownSinceMs ??= this.#options.runtime.now()
      const what = `group ${group}`
      const reason = `its positions can't be read: ${reasonOf(thrown)}`
      const unknown: HealthProblem = { kind: 'broker', what, reason, group, sinceMs: memory.unknownSinceMs }
      return { partitions: [], problems: [...standing, unknown] }
    }
  }

  #memoryOf(group: string): GroupMemory {
    const { runtime, transport } = this.#options
    const memory =
      this.#memories.get(group) ?? new GroupMemory(new Question(runtime, () => transport.positions(group)))
    this.#memories.set(group, memory)
    return memory
  }

  /** One for each partition number, whether records wait or not: whoever reads the state waits too. */
  #standingRestorations({ group, restorations }: JoinedGroup): readonly HealthProblem[] {
    const { runtime, stalledAfterMs } = this.#options
    const nowMs = runtime.now()
    return [...(restorations ?? [])].flatMap(([partition, { isUnderWay, hasBegun, progressMs }]) => {
      if (!isUnderWay || nowMs - progressMs < stalledAfterMs) return []
      const what = `state of partition ${partition} of group ${group}`
      const why = hasBegun
        ? 'its state is being restored, and has made no progress'
        : 'it waits for an operator that was running when the partition moved away, and has not returned'
      const reason = `${why} for ${secondsOf(nowMs - progressMs)}`
      return [{ kind: 'stalled', what, reason, sinceMs: progressMs, group, partition }]
    })
  }

  #healthOf(
    { group, restorations }: JoinedGroup,
    memory: GroupMemory,
    position: PartitionPosition,
    nowMs: number,
  ): PartitionHealth {
    const { topic, partition, lag } = position
    const progress = this.#options.held.of(group, topic, partition)
    const restoration = restorations?.get(partition)
    const seenMs = standstillSince(memory, position, nowMs)
    const sinceMs = Math.max(progress?.waitingSinceMs(seenMs) ?? seenMs, restoration?.progressMs ?? 0)
    return {
      ...position,
      group,
      isHeld: progress !== undefined,
      running: progress?.running ?? 0,
      isRestoring: progress !== undefined && restoration?.isUnderWay === true,
      waitingMs: lag === 0 ? 0 : Math.max(0, nowMs - sinceMs),
    }
  }

  /** Of a partition that is another instance's, that one says so. */
  #stallOf(health: PartitionHealth, transactional: boolean, nowMs: number): HealthProblem | undefined {
    const { group, topic, partition, isHeld, isRestoring, lag, running, waitingMs } = health
    // Its state has a problem of its own.
    if (!isHeld || isRestoring || waitingMs < this.#options.stalledAfterMs) return undefined
    const records = lag === 1 ? '1 record waits' : `${lag} records wait`
    const what = transactional ? 'committed' : 'finished'
    return {
      kind: 'stalled',
      what: `partition ${topic}/${partition} of group ${group}`,
      reason: `${records}, and none has been ${what} for ${secondsOf(waitingMs)}${transactional ? '' : handlersOf(running)}`,
      sinceMs: nowMs - waitingMs,
      group,
      topic,
      partition,
    }
  }
}

function standstillSince(
  { standstills }: GroupMemory,
  { topic, partition, committed, lag }: PartitionPosition,
  nowMs: number,
): number {
  const place = `${topic}/${partition}`
  const before = standstills.get(place)
  if (lag > 0 && before?.committed === committed) return before.sinceMs
  if (lag > 0) standstills.set(place, { committed, sinceMs: nowMs })
  else standstills.delete(place)
  return nowMs
}

function secondsOf(ms: number): string {
  return `${Math.round(ms / 1_000)} s`
}

function handlersOf(running: number): string {
  if (running === 0) return ': no handler runs'
  return running === 1 ? ': 1 handler runs' : `: ${running} handlers run`
}
