import type { Logger } from '../logger.js'
import { type Runtime, sleep } from '../runtime.js'
import { bytesOfText, textOfBytes } from '../state/bytes.js'
import { OrderedMap } from '../state/ordered-map.js'
import type { StateChange, StateProvider, StateRange, StateStore } from '../state/state-store.js'
import { type Checkpoint, encodeCheckpoint } from './checkpoint.js'
import { joined, timeBytes } from './state-keys.js'

/** A store of a topology; each partition has one of it. */
export interface TaskStoreSpec {
  /** Unique in its group. */
  readonly name: string
  readonly state: StateProvider
  readonly changelog: string
  /** The topic whose partitions this store has. */
  readonly like: string
  /** The time that an entry is found by in {@link RecordStore.byTime}. Default: by none. */
  readonly timeOf?: (key: Uint8Array) => number | undefined
}

/** What one record changed in a store. */
export interface StoreChange {
  readonly changes: readonly StateChange[]
  /** One past its last record in the changelog. */
  readonly position: number
  readonly streamTimeMs: number
}

interface Pending {
  readonly value: Uint8Array | undefined
  readonly version: number
}

const entryColumn = 'e'
const timeColumn = 't'
const flushRetryMs = 1_000

/**
 * The store of one partition while its task runs: what is committed is in the state store below, what records have
 * changed since then lies over it.
 */
export class TaskStore {
  readonly spec: TaskStoreSpec
  readonly #store: StateStore
  readonly #runtime: Runtime
  readonly #logger: Logger
  readonly #overlay = new OrderedMap<Pending>()
  #version = 0
  #streamTimeMs: number
  /** Committed, and not in the state store yet. */
  #committed: (StoreChange & { readonly version: number })[] = []
  #flushing: Promise<void> | undefined
  /** Views that wait for what is committed to be in the state store. */
  #waiting: (() => void)[] = []
  #end = new AbortController()

  constructor(
    spec: TaskStoreSpec,
    store: StateStore,
    streamTimeMs: number,
    { runtime, logger }: { readonly runtime: Runtime; readonly logger: Logger },
  ) {
    this.spec = spec
    this.#store = store
    this.#streamTimeMs = streamTimeMs
    this.#runtime = runtime
    this.#logger = logger
  }

  get streamTimeMs(): number {
    return this.#streamTimeMs
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const pending = this.#overlay.get(entryColumn + key)
    return pending ? pending.value : this.#store.get(bytesOfText(entryColumn + key))
  }

  /** Committed, not what lies over it. For views. */
  async committed(key: Uint8Array): Promise<Uint8Array | undefined> {
    await this.#told()
    return this.#store.get(joined(entryPrefix, key))
  }

  /** Committed entries in the order of their keys. For views. */
  async *scanCommitted({ from, to }: StateRange) {
    const range = {
      from: from ? joined(entryPrefix, from) : entryPrefix,
      to: to ? joined(entryPrefix, to) : entryEnd,
    }
    await this.#told()
    for await (const { key, value } of this.#store.scan(range)) yield { key: key.subarray(1), value }
  }

  /** Entries with the given changes laid over them. */
  async range(
    from: string | undefined,
    to: string | undefined,
    changes: ReadonlyMap<string, Uint8Array | undefined>,
  ): Promise<readonly (readonly [key: string, value: Uint8Array])[]> {
    const merged = await this.#merged(
      entryColumn + (from ?? ''),
      to === undefined ? endOf(entryColumn) : entryColumn + to,
    )
    for (const [key, value] of changes) {
      if (value === undefined) merged.delete(entryColumn + key)
      else merged.set(entryColumn + key, value)
    }
    return [...merged.range()].map(([key, value]) => [key.slice(1), value] as const)
  }

  /** Keys of entries by their time. */
  async byTime(fromMs: number, toMs: number, limit?: number): Promise<readonly Uint8Array[]> {
    if (fromMs >= toMs) return []
    const bound = (ms: number) => timeColumn + textOfBytes(timeBytes(Math.max(0, ms)))
    const merged = await this.#merged(bound(fromMs), bound(toMs), limit)
    return [...merged.range()].slice(0, limit).map(([key]) => bytesOfText(key).subarray(1 + 8))
  }

  /** Lays what a processed record changed over the rest. */
  apply(
    changes: Iterable<readonly [key: string, value: Uint8Array | undefined]>,
    streamTimeMs: number,
  ): void {
    this.#version += 1
    for (const [key, value] of this.#withTimes(changes))
      this.#overlay.set(key, { value, version: this.#version })
    this.#streamTimeMs = streamTimeMs
  }

  /** The number of the last {@link apply}. */
  get version(): number {
    return this.#version
  }

  /** The number of keys that differ from what the state store has. */
  get pending(): number {
    return this.#overlay.size
  }

  /** What a record changed is committed, and goes down into the state store soon. */
  commit(change: StoreChange, version: number): void {
    // The changelog has it, for whoever opens the store next.
    if (this.#end.signal.aborted) return
    this.#committed.push({ ...change, version })
    this.#flushing ??= this.#flush()
  }

  /** Writes what was read from the changelog. */
  async restore(change: StoreChange): Promise<void> {
    await this.#write([change])
    this.#streamTimeMs = Math.max(this.#streamTimeMs, change.streamTimeMs)
  }

  /** Resolves when all that was committed is in the state store. */
  async flushed(): Promise<void> {
    await this.#flushing
  }

  /** Forgets what is not committed, and closes the state store once the rest is in it. */
  async close(): Promise<void> {
    this.#end.abort()
    await this.#flushing
    this.#overlay.clear()
    await this.#store.close()
  }

  /**
   * Resolves when what is committed now is in the state store, so that whoever was told of a change reads it; or when it could not
   * be stored at once.
   */
  #told(): Promise<void> | undefined {
    return this.#flushing && new Promise(resolve => this.#waiting.push(resolve))
  }

  async #flush(): Promise<void> {
    // In a turn of its own: a transaction commits many records at a time, and one write takes them all.
    await Promise.resolve()
    while (this.#committed.length > 0) {
      // In the order of their processing: of a transaction over several topics each may be told by itself.
      const batch = this.#committed.sort((one, other) => one.version - other.version)
      this.#committed = []
      const waiting = this.#waiting
      this.#waiting = []
      try {
        await this.#write(batch)
      } catch (thrown) {
        this.#logger.error(
          { err: thrown, store: this.spec.name },
          'committed state could not be stored for now',
        )
        this.#committed = [...batch, ...this.#committed]
        for (const goOn of waiting) goOn()
        const isOver = await sleep(this.#runtime, flushRetryMs, this.#end.signal).then(
          () => false,
          () => true,
        )
        // The changelog has it.
        if (isOver) break
        continue
      }
      for (const { changes, version } of batch) this.#uncover(changes, version)
      for (const goOn of waiting) goOn()
    }
    this.#flushing = undefined
    for (const goOn of this.#waiting.splice(0)) goOn()
  }

  /** What the state store has needs not lie over it any more, unless it was changed again. */
  #uncover(changes: readonly StateChange[], version: number): void {
    for (const [key] of this.#withTimes(textual(changes))) {
      const pending = this.#overlay.get(key)
      if (pending && pending.version <= version) this.#overlay.delete(key)
    }
  }

  async #write(batch: readonly StoreChange[]): Promise<void> {
    if (batch.length === 0) return
    const changes = batch.flatMap(each =>
      [...this.#withTimes(textual(each.changes))].map(([key, value]) => ({ key: bytesOfText(key), value })),
    )
    const checkpoint: Checkpoint = {
      position: Math.max(...batch.map(({ position }) => position)),
      streamTimeMs: Math.max(...batch.map(({ streamTimeMs }) => streamTimeMs)),
      writtenAtMs: this.#runtime.now(),
    }
    await this.#store.write(changes, encodeCheckpoint(checkpoint))
  }

  /** In a range, with what lies over it; at least the first `limit` are right. */
  async #merged(from: string, to: string, limit = Number.POSITIVE_INFINITY): Promise<OrderedMap<Uint8Array>> {
    // First, because what is stored meanwhile leaves the overlay.
    const over = [...this.#overlay.range(from, to)]
    const merged = new OrderedMap<Uint8Array>()
    for await (const { key, value } of this.#store.scan({ from: bytesOfText(from), to: bytesOfText(to) })) {
      merged.set(textOfBytes(key), value)
      // What lies over it can take away as many as it has.
      if (merged.size >= limit + over.length) break
    }
    for (const [key, { value }] of over) {
      if (value === undefined) merged.delete(key)
      else merged.set(key, value)
    }
    return merged
  }

  /** Changes as they are in the state store: entries, and by what time to find them. */
  *#withTimes(
    changes: Iterable<readonly [key: string, value: Uint8Array | undefined]>,
  ): Generator<readonly [key: string, value: Uint8Array | undefined]> {
    const { timeOf } = this.spec
    for (const [key, value] of changes) {
      yield [entryColumn + key, value]
      const timeMs = timeOf?.(bytesOfText(key))
      if (timeMs !== undefined) yield [timeColumn + textOfBytes(timeBytes(timeMs)) + key, value && nothing]
    }
  }
}

const nothing = new Uint8Array(0)
const entryPrefix = bytesOfText(entryColumn)
const entryEnd = bytesOfText(endOf(entryColumn))

function endOf(column: string): string {
  return String.fromCharCode(column.charCodeAt(0) + 1)
}

function* textual(changes: readonly StateChange[]): Generator<readonly [string, Uint8Array | undefined]> {
  for (const { key, value } of changes) yield [textOfBytes(key), value]
}
