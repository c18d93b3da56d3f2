import type { BusEvent } from './bus-event.js'

/** What this instance does with one partition of a group, in one ownership of it. */
export class PartitionProgress {
  /** Records that are being handled, those that wait for their next attempt included. */
  running = 0
  /** Since when records have been handled of which none has finished; undefined while none is. */
  #busySinceMs: number | undefined
  #finishedMs: number
  /** The first record is not due before. */
  #dueAtMs = 0

  constructor(nowMs: number) {
    this.#finishedMs = nowMs
  }

  begin(nowMs: number): void {
    this.running += 1
    this.#busySinceMs ??= nowMs
  }

  /** One has ended; handing it back is no progress. */
  end(nowMs: number, isFinished: boolean): void {
    this.running -= 1
    if (!isFinished) return
    this.#finishedMs = nowMs
    this.#busySinceMs = this.running > 0 ? nowMs : undefined
  }

  /** Its next record waits for its time. */
  waitUntil(dueAtMs: number): void {
    this.#dueAtMs = dueAtMs
    // Others of the partition may be under way.
    if (this.running === 0) this.#busySinceMs = undefined
  }

  /** Since when its records wait in vain, given that some have been seen waiting at least since `seenMs`. */
  waitingSinceMs(seenMs: number): number {
    return this.#busySinceMs ?? Math.max(seenMs, this.#finishedMs, this.#dueAtMs)
  }
}

/** The partitions that this instance holds, by group. */
export class HeldPartitions {
  readonly #now: () => number
  readonly #groups = new Map<string, Map<string, Map<number, PartitionProgress>>>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Undefined for a partition that this instance does not hold. */
  of(group: string, topic: string, partition: number): PartitionProgress | undefined {
    return this.#groups.get(group)?.get(topic)?.get(partition)
  }

  onEvent(event: BusEvent): void {
    if (event.type !== 'assigned' && event.type !== 'revoked') return
    const topics = this.#groups.get(event.group) ?? new Map<string, Map<number, PartitionProgress>>()
    for (const { topic, partition } of event.partitions) {
      const partitions = topics.get(topic) ?? new Map<number, PartitionProgress>()
      // An ownership anew: what still runs of the one before counts no more.
      if (event.type === 'assigned') partitions.set(partition, new PartitionProgress(this.#now()))
      else partitions.delete(partition)
      keep(topics, topic, partitions)
    }
    keep(this.#groups, event.group, topics)
  }
}

/** Keeps what is not empty: groups and topics come and go. */
function keep<Value extends ReadonlyMap<unknown, unknown>>(
  map: Map<string, Value>,
  key: string,
  value: Value,
): void {
  if (value.size > 0) map.set(key, value)
  else map.delete(key)
}
