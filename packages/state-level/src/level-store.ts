import type { StateChange, StateEntry, StateRange, StateStore, StateStoreId } from '@busbar/core'
import type { ClassicLevel } from 'classic-level'
import { stateFailure } from './level-failure.js'

export type Database = ClassicLevel<Uint8Array, Uint8Array>

/** In front of every key of the caller, so that ours are told apart from them and are in no scan. */
const entryByte = 0x65
const checkpointKey = Uint8Array.of(0x63)

/** Entries that are read ahead of a scan. */
const scanBatch = 100

export class LevelStore implements StateStore {
  readonly checkpoint: Uint8Array | undefined
  readonly #database: Database
  readonly #id: StateStoreId
  readonly #remove: () => Promise<void>
  #writes: Promise<void> = Promise.resolve()

  constructor(
    database: Database,
    id: StateStoreId,
    checkpoint: Uint8Array | undefined,
    remove: () => Promise<void>,
  ) {
    this.#database = database
    this.#id = id
    this.checkpoint = checkpoint
    this.#remove = remove
  }

  /** Takes over an open database. */
  static async of(database: Database, id: StateStoreId, remove: () => Promise<void>): Promise<LevelStore> {
    return new LevelStore(database, id, await database.get(checkpointKey), remove)
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#guard('reading', this.#database.get(entryKey(key)))
  }

  write(changes: readonly StateChange[], checkpoint?: Uint8Array): Promise<void> {
    const operations = changes.map(({ key, value }) =>
      value === undefined
        ? ({ type: 'del', key: entryKey(key) } as const)
        : ({ type: 'put', key: entryKey(key), value: Uint8Array.from(value) } as const),
    )
    const all =
      checkpoint === undefined
        ? operations
        : [...operations, { type: 'put', key: checkpointKey, value: Uint8Array.from(checkpoint) } as const]
    // LevelDB works on writes in several threads: without a queue of our own their order is not that of the calls.
    const writing = this.#writes.then(() => this.#database.batch(all))
    this.#writes = writing.catch(() => {})
    return this.#guard('writing', writing)
  }

  async *scan({ from, to }: StateRange = {}): AsyncGenerator<StateEntry> {
    try {
      const iterator = this.#database.iterator({
        gte: entryKey(from ?? new Uint8Array(0)),
        lt: to === undefined ? Uint8Array.of(entryByte + 1) : entryKey(to),
      })
      try {
        for (;;) {
          const entries = await iterator.nextv(scanBatch)
          if (entries.length === 0) return
          for (const [key, value] of entries) yield { key: key.subarray(1), value }
        }
      } finally {
        await iterator.close()
      }
    } catch (thrown) {
      throw stateFailure('scanning', this.#id, thrown)
    }
  }

  async close(): Promise<void> {
    await this.#writes
    await this.#guard('closing', this.#database.close())
  }

  async destroy(): Promise<void> {
    await this.close()
    await this.#remove()
  }

  async #guard<T>(doing: string, work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (thrown) {
      throw stateFailure(doing, this.#id, thrown)
    }
  }
}

function entryKey(key: Uint8Array): Uint8Array {
  const prefixed = new Uint8Array(key.length + 1)
  prefixed[0] = entryByte
  prefixed.set(key, 1)
  return prefixed
}
