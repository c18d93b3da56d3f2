import type { StateEntry, StateRange } from '../state/state-store.js'

/** Reads what is committed of a store, in the partitions that this instance holds. */
export interface StoreReader {
  /** Resolves when the bus has started and the partitions that it got are restored. */
  readonly ready: Promise<void>
  /** Resolves when what was in a topic at the time of the call has been processed, in the partitions that this instance holds. */
  caughtUp(topic: string): Promise<void>
  /**
   * The value of an entry of a key. Rejects with `STATE_UNAVAILABLE` where its partition is not held here, or not restored
   * yet.
   */
  get(key: Uint8Array, entry: Uint8Array): Promise<Uint8Array | undefined>
  /** Entries of every partition that is held here, each partition in the order of its keys. */
  scan(range?: StateRange): AsyncIterable<StateEntry>
}
