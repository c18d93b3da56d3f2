import { bytesOfText, textOfBytes } from '../state/bytes.js'
import { OrderedMap } from '../state/ordered-map.js'
import type { StateEntry, StateRange } from '../state/state-store.js'
import type { TaskStore } from './task-store.js'

/** A store as one record sees and changes it; of no consequence until the record has been processed. */
export class RecordStore {
  readonly #task: TaskStore
  readonly #changes = new OrderedMap<Uint8Array | undefined>()
  #streamTimeMs: number

  constructor(task: TaskStore) {
    this.#task = task
    this.#streamTimeMs = task.streamTimeMs
  }

  /** The latest event time that the operator of this store has seen in this partition; -1 before the first. */
  get streamTimeMs(): number {
    return this.#streamTimeMs
  }

  /** Moves the stream time forward; returns where it was. */
  advanceTo(timestampMs: number): number {
    const before = this.#streamTimeMs
    this.#streamTimeMs = Math.max(before, timestampMs)
    return before
  }

  /** What changed, by key. */
  get changes(): OrderedMap<Uint8Array | undefined> {
    return this.#changes
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const text = textOfBytes(key)
    return this.#changes.has(text) ? this.#changes.get(text) : this.#task.get(text)
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#changes.set(textOfBytes(key), value)
  }

  delete(key: Uint8Array): void {
    this.#changes.set(textOfBytes(key), undefined)
  }

  /** Entries in the order of their keys, as they are when this is called. */
  async range({ from, to }: StateRange): Promise<readonly StateEntry[]> {
    const entries: StateEntry[] = []
    const [first, end] = [from && textOfBytes(from), to && textOfBytes(to)]
    const own = new Map(this.#changes.range(first, end))
    const taken = await this.#task.range(first, end, own)
    for (const [key, value] of taken) entries.push({ key: bytesOfText(key), value })
    return entries
  }

  /**
   * Keys of entries in the order of the time that their store finds them by, `fromMs` inclusive, `toMs` exclusive; the first
   * `limit` of them. Does not see what this record changed.
   */
  byTime(fromMs: number, toMs: number, limit?: number): Promise<readonly Uint8Array[]> {
    return this.#task.byTime(fromMs, toMs, limit)
  }
}
