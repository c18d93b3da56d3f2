import { laneKeyOf } from '@busbar/core'
import type { RecordContent, StoredRecord } from './stored-record.js'
import type { TopicSettings } from './topic-settings.js'

/** At most this much is fetched of one partition at a time. */
export const fetchLimits = { records: 500, bytes: 1_048_576 } as const

/** Compaction runs once this many records, or as many as it left the last time, were appended. */
const compactionInterval = 1_000

/** The append-only log of one partition. Positions grow by one and are never used again; removal leaves gaps. */
export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly #settings: TopicSettings
  readonly #watchers = new Set<() => void>()
  #records: StoredRecord[] = []
  /** Index of the first record that is kept: removing from the front of an array costs too much. */
  #head = 0
  #start = 0
  #end = 0
  #byteLength = 0
  #untilCompaction = compactionInterval

  constructor(topic: string, partition: number, settings: TopicSettings) {
    this.topic = topic
    this.partition = partition
    this.#settings = settings
  }

  /** The lowest position that can be read. */
  get start(): number {
    return this.#start
  }

  /** One past the position of the last record. */
  get end(): number {
    return this.#end
  }

  /** How many records are kept. */
  get length(): number {
    return this.#records.length - this.#head
  }

  /** Bytes of keys, values and headers that are kept. */
  get byteLength(): number {
    return this.#byteLength
  }

  /** Appends a record and returns its position. */
  append(content: RecordContent, nowMs: number): number {
    const offset = this.#end
    this.#end += 1
    this.#records.push({ offset, content })
    this.#byteLength += content.byteLength
    this.expire(nowMs)
    if (this.#settings.compact && --this.#untilCompaction <= 0) this.compact(nowMs)
    for (const watcher of this.#watchers) watcher()
    return offset
  }

  /** Records from `position` on, up to `limit` of them and to the limits of a fetch. Not copied. */
  read(position: number, limit: number): readonly StoredRecord[] {
    const first = this.#indexOf(position)
    const last = Math.min(this.#records.length, first + Math.min(limit, fetchLimits.records))
    let index = first
    let bytes = 0
    while (index < last) {
      bytes += this.#at(index).content.byteLength
      if (bytes > fetchLimits.bytes && index > first) break
      index += 1
    }
    return this.#records.slice(first, index)
  }

  /** Every record that is kept. Not copied. */
  all(): readonly StoredRecord[] {
    return this.#records.slice(this.#head)
  }

  /** Removes all records below `position`, which becomes the start; below the start or beyond the end it is clamped. */
  trim(position: number): void {
    const start = Math.min(position, this.#end)
    if (start <= this.#start) return
    const head = this.#indexOf(start)
    for (let index = this.#head; index < head; index += 1)
      this.#byteLength -= this.#at(index).content.byteLength
    this.#start = start
    this.#head = head
    if (this.#head >= 1024 && this.#head * 2 >= this.#records.length) {
      this.#records = this.#records.slice(this.#head)
      this.#head = 0
    }
    for (const watcher of this.#watchers) watcher()
  }

  /** Removes what retention does not keep any more. */
  expire(nowMs: number): void {
    const { records, bytes, ms } = this.#settings.retention
    let index = this.#head
    let count = this.length
    let size = this.#byteLength
    const oldest = nowMs - ms
    while (count > 0) {
      const { byteLength, timestampMs } = this.#at(index).content
      const over = count > records || (size > bytes && count > 1) || timestampMs < oldest
      if (!over) break
      index += 1
      count -= 1
      size -= byteLength
    }
    if (index > this.#head) this.trim(count === 0 ? this.#end : this.#at(index).offset)
  }

  /** Keeps the latest record of each key, and drops tombstones that are old enough. The last record always stays. */
  compact(nowMs: number): void {
    const latest = new Map<string, number>()
    const live = this.#records.slice(this.#head)
    for (const { offset, content } of live) if (content.key) latest.set(laneKeyOf(content.key), offset)
    const isKept = ({ offset, content }: StoredRecord): boolean => {
      if (offset === this.#end - 1 || content.key === null) return true
      if (latest.get(laneKeyOf(content.key)) !== offset) return false
      return content.value !== null || content.timestampMs >= nowMs - this.#settings.tombstoneMs
    }
    this.#records = live.filter(isKept)
    this.#head = 0
    this.#byteLength = this.#records.reduce((sum, record) => sum + record.content.byteLength, 0)
    this.#untilCompaction = Math.max(compactionInterval, this.#records.length)
  }

  /** Calls back, synchronously, whenever something was appended or trimmed. Returns how to stop that. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Index of the first record at or after a position. */
  #indexOf(position: number): number {
    let low = this.#head
    let high = this.#records.length
    if (high === low) return low
    // Without gaps, which is the rule, the index follows from the position.
    const guess = low + position - this.#at(low).offset
    if (guess >= low && guess < high && this.#at(guess).offset === position) return guess
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#at(middle).offset < position) low = middle + 1
      else high = middle
    }
    return low
  }

  #at(index: number): StoredRecord {
    return this.#records[index] as StoredRecord
  }
}
