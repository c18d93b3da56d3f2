import type { InboundRecord, Runtime, Timer } from '@busbar/core'
import { type FetchedPartition, fetchedRecords } from './fetched-records.js'
import type { Broker, FetchRequest, FetchResponse } from './kafkajs-internals.js'
import { partitionKey } from './log-offsets.js'

/** One partition that is read, by a group's member or without a group. */
export interface FetchTarget {
  readonly topic: string
  readonly partition: number
  /** What is fetched next. Whoever moves it meanwhile gets nothing of an answer to the old position. */
  readonly position: number
  /** Since when nothing more of it may be fetched, in milliseconds of the runtime; undefined when more is welcome. */
  readonly heldSince: number | undefined
  take(records: readonly InboundRecord[], next: number): void
}

/** A Fetch request without its partitions. */
export type FetchLimits = Omit<FetchRequest, 'topics' | 'isolationLevel'> & {
  readonly isolationLevel: number
  /** Most bytes of one partition in one answer; a larger record still comes. */
  readonly maxBytesPerPartition: number
}

/**
 * Fetches partitions from their leader, leaving out those whose records are not welcome. One at a time per broker, since
 * a broker answers the requests of one connection one after the other.
 */
export class PartitionFetcher {
  readonly #runtime: Runtime
  #wakers = new Set<() => void>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Ends waiting: something became welcome, or there is something else to do. */
  wake(): void {
    const wakers = this.#wakers
    this.#wakers = new Set()
    for (const wake of wakers) wake()
  }

  /** One request and its answer, handed over. Waits `maxWaitTime` where nothing is welcome. Rejects with kafkajs's errors. */
  async fetchOnce(broker: Broker, targets: readonly FetchTarget[], limits: FetchLimits): Promise<void> {
    const welcome = targets.filter(target => target.heldSince === undefined)
    if (welcome.length === 0) return this.#wait(limits.maxWaitTime)
    const { maxBytesPerPartition, maxWaitTime, ...rest } = limits
    const asked = new Map(
      welcome.map(target => [partitionKey(target.topic, target.partition), askOf(target)]),
    )
    const startedAt = this.#runtime.now()
    const { responses } = await broker.fetch({
      ...rest,
      maxWaitTime: this.#waitFor(targets, maxWaitTime),
      topics: topicsOf(welcome, maxBytesPerPartition),
    })
    const taken = this.#handOver(responses, asked)
    // An answer at once and without anything to read (an emptied batch) must not become a busy loop.
    if (!taken && this.#runtime.now() - startedAt < 2) await this.#wait(10)
  }

  #handOver(responses: FetchResponse['responses'], asked: ReadonlyMap<string, Ask>): boolean {
    let taken = false
    for (const { topicName, partitions } of responses) {
      for (const fetched of partitions) {
        const ask = asked.get(partitionKey(topicName, fetched.partition))
        if (ask && handOverOne(topicName, fetched, ask)) taken = true
      }
    }
    return taken
  }

  /**
   * How long the broker may wait for records. While some partition is held back, a request must not keep it waiting for
   * long once it is welcome again: the longer it has been held, the longer the next may take.
   */
  #waitFor(targets: readonly FetchTarget[], maxWaitMs: number): number {
    let waitMs = maxWaitMs
    for (const { heldSince } of targets) {
      if (heldSince !== undefined)
        waitMs = Math.min(waitMs, Math.max(5, Math.ceil((this.#runtime.now() - heldSince) / 4)))
    }
    return waitMs
  }

  #wait(ms: number): Promise<void> {
    return new Promise(resolve => {
      let timer: Timer | undefined
      const wake = () => {
        timer?.cancel()
        this.#wakers.delete(wake)
        resolve()
      }
      timer = this.#runtime.setTimer(ms, wake)
      this.#wakers.add(wake)
    })
  }
}

interface Ask {
  readonly target: FetchTarget
  readonly position: number
}

const askOf = (target: FetchTarget): Ask => ({ target, position: target.position })

function handOverOne(topic: string, fetched: FetchedPartition, { target, position }: Ask): boolean {
  // Sought, revoked or paused while the request was under way: what came is fetched again when it is wanted.
  if (target.position !== position || target.heldSince !== undefined) return false
  const { records, next } = fetchedRecords(topic, fetched, position)
  if (next === position) return false
  target.take(records, next)
  return true
}

function topicsOf(targets: readonly FetchTarget[], maxBytes: number): FetchRequest['topics'] {
  const topics = new Map<string, { partition: number; fetchOffset: string; maxBytes: number }[]>()
  for (const { topic, partition, position } of targets) {
    const partitions = topics.get(topic) ?? []
    partitions.push({ partition, fetchOffset: String(position), maxBytes })
    topics.set(topic, partitions)
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}
