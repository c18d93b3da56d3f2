/**
 * Where streams with a state keep it: an ordered map of bytes for each partition of each store, near the code that works
 * on it. What is in it can always be made again from the changelog topic; a store only saves the time that takes. So it
 * need not be safe against the loss of the machine, but what it holds must be whole: see {@link StateStore.write}.
 */
export interface StateProvider {
  /** What errors and logs call it, for example `level`. */
  readonly name: string
  /** Whether content outlives the process. */
  readonly durable: boolean

  /**
   * Opens the store of one partition, empty if it is new. One holder at a time: while another has it open, in this process
   * or another one on this machine, rejects with `STATE_LOCKED`, which is retryable.
   * Rejects with `STATE_CORRUPT` where the content can't be read: {@link destroy} it and open it anew. Rejects with
   * `STATE_FAILED` where the disk does not do as it should.
   */
  open(id: StateStoreId): Promise<StateStore>

  /**
   * Deletes what is stored under an id that nobody has open; nothing happens where there is nothing. Rejects with
   * `STATE_LOCKED` and `STATE_FAILED` as {@link open} does.
   */
  destroy(id: StateStoreId): Promise<void>
}

/** Names the store of one partition. Stores that differ in any part share nothing. */
export interface StateStoreId {
  /** The consumer group, whatever characters its name has. */
  readonly group: string
  /** The store's name within its group: letters, digits, `.`, `_` and `-`. */
  readonly store: string
  readonly partition: number
}

/**
 * The open store of one partition. Keys and values are bytes, keys ordered byte by byte, unsigned, the shorter first.
 * What goes in and comes out is the caller's own: neither side changes the other's bytes afterwards. After `close` or
 * `destroy` everything rejects with `STATE_UNAVAILABLE`, and where the disk fails, with `STATE_FAILED`.
 */
export interface StateStore {
  /** The checkpoint of the last write that had one, as it was when the store was opened; undefined for a new store. */
  readonly checkpoint: Uint8Array | undefined

  /** The value of a key; undefined where there is none. */
  get(key: Uint8Array): Promise<Uint8Array | undefined>

  /**
   * Applies changes in order and, with them, a checkpoint: how far the content has come, in the owner's words. All of it
   * or nothing, also when the process is killed meanwhile; after a loss of power the store may be back at an earlier write,
   * as a whole. Writes take effect in the order of the calls.
   */
  write(changes: readonly StateChange[], checkpoint?: Uint8Array): Promise<void>

  /** Entries in the order of their keys, as they were when the scan began. Memory does not grow with their number. */
  scan(range?: StateRange): AsyncIterable<StateEntry>

  /** Lets go of the store; its content stays if the provider is durable. Twice is once. */
  close(): Promise<void>

  /** Closes the store and deletes its content. */
  destroy(): Promise<void>
}

export interface StateEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** A value to put, or `undefined` to delete its key. */
export interface StateChange {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** Keys from `from` (inclusive; default: the first) up to `to` (exclusive; default: past the last). */
export interface StateRange {
  readonly from?: Uint8Array
  readonly to?: Uint8Array
}
