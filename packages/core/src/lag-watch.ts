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
  /** Whether it commits with transactions, and so does not tell of what it has not committed. */
  readonly transactional: boolean
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
  /** A question that is not answered yet: whoever asks meanwhile waits for the same answer. */
  asking: { readonly positions: Promise<readonly PartitionPosition[]>; readonly sinceMs: number } | undefined
  /** Since when nobody says where it stands. */
  unknownSinceMs: number | undefined
}

/** A question without an answer for so long, in milliseconds, is taken for lost. */
const lostAfterMs = 10_000

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
    const { runtime } = this.#options
    const { group, topics, transactional } = joined
    const memory = this.#memories.get(group) ?? new GroupMemory()
    this.#memories.set(group, memory)
    try {
      const positions = await this.#positions(group, memory, timeoutMs)
      memory.unknownSinceMs = undefined
      const nowMs = runtime.now()
      // A group keeps its positions in topics that it read once: nobody is behind there.
      const read = positions.filter(({ topic }) => topics.includes(topic))
      const partitions = read.map(position => this.#healthOf(group, memory, position, nowMs))
      const problems = partitions.flatMap(each => this.#stallOf(each, transactional, nowMs) ?? [])
      return { partitions, problems }
    } catch (thrown) {
      memory.unknownSinceMs ??= runtime.now()
      const what = `group ${group}`
      const reason = `its positions can't be read: ${reasonOf(thrown)}`
      return {
        partitions: [],
        problems: [{ kind: 'broker', what, reason, group, sinceMs: memory.unknownSinceMs }],
      }
    }
  }

  async #positions(
    group: string,
    memory: GroupMemory,
    timeoutMs: number,
  ): Promise<readonly PartitionPosition[]> {
    const { transport, runtime } = this.#options
    // A broker that is away must not find a queue of questions when it is back; one that is lost is asked anew.
    if (!memory.asking || runtime.now() - memory.asking.sinceMs > lostAfterMs) {
      const asking = { positions: transport.positions(group), sinceMs: runtime.now() }
      const answered = () => {
        if (memory.asking === asking) memory.asking = undefined
      }
      asking.positions.then(answered, answered)
      memory.asking = asking
    }
    let positions: readonly PartitionPosition[] = []
    const reading = memory.asking.positions.then(read => {
      positions = read
    })
    if (await doneWithin(runtime, timeoutMs, reading)) return positions
    throw new BusbarError('CONNECTION_FAILED', `the broker did not answer within ${timeoutMs} ms`)
  }

  #healthOf(group: string, memory: GroupMemory, position: PartitionPosition, nowMs: number): PartitionHealth {
    const { topic, partition, lag } = position
    const progress = this.#options.held.of(group, topic, partition)
    const seenMs = standstillSince(memory, position, nowMs)
    const waitingSinceMs = lag === 0 ? undefined : (progress?.waitingSinceMs(seenMs) ?? seenMs)
    return {
      ...position,
      group,
      isHeld: progress !== undefined,
      running: progress?.running ?? 0,
      waitingMs: waitingSinceMs === undefined ? 0 : Math.max(0, nowMs - waitingSinceMs),
    }
  }

  /** Of a partition that is another instance's, that one says so. */
  #stallOf(health: PartitionHealth, transactional: boolean, nowMs: number): HealthProblem | undefined {
    const { group, topic, partition, isHeld, lag, running, waitingMs } = health
    if (!isHeld || waitingMs < this.#options.stalledAfterMs) return undefined
    const records = lag === 1 ? '1 record waits' : `${lag} records wait`
    const seconds = Math.round(waitingMs / 1_000)
    const what = transactional ? 'committed' : 'finished'
    return {
      kind: 'stalled',
      what: `partition ${topic}/${partition} of group ${group}`,
      reason: `${records}, and none has been ${what} for ${seconds} s${transactional ? '' : handlersOf(running)}`,
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

function handlersOf(running: number): string {
  if (running === 0) return ': no handler runs'
  return running === 1 ? ': 1 handler runs' : `: ${running} handlers run`
}
