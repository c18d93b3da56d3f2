import { BusbarError } from '../error.js'
import { partitionOfKey } from '../partitioner.js'
import type { StateEntry, StateRange } from '../state/state-store.js'
import type { StoreReader } from './store-reader.js'
import type { TaskRun } from './task-run.js'
import type { Topology } from './topology.js'

export interface GroupReaderOptions {
  readonly topology: Topology
  readonly ready: () => Promise<void>
  readonly caughtUp: (topic: string) => Promise<void>
  readonly partitionsOf: (topic: string) => number
  readonly runs: () => ReadonlyMap<number, TaskRun>
}

/** Reads a store in whichever partitions this instance holds at the moment. */
export class GroupReader implements StoreReader {
  readonly #store: string
  readonly #options: GroupReaderOptions

  constructor(store: string, options: GroupReaderOptions) {
    this.#store = store
    this.#options = options
  }

  get ready(): Promise<void> {
    return this.#options.ready()
  }

  caughtUp(topic: string): Promise<void> {
    return this.#options.caughtUp(topic)
  }

  async get(key: Uint8Array, entry: Uint8Array): Promise<Uint8Array | undefined> {
    const { topology, runs, partitionsOf } = this.#options
    // First all that are here: whoever published the key may have chosen another partition for it.
    for (const run of runs().values()) {
      const found = await run.store(this.#store)?.committed(entry)
      if (found) return found
    }
    const count = partitionsOf(topology.stores.get(this.#store)?.like ?? '')
    const partition = count === 0 ? undefined : partitionOfKey(key, count)
    if (partition !== undefined && runs().get(partition)?.store(this.#store)) return undefined
    throw new BusbarError(
      'STATE_UNAVAILABLE',
      `the store ${this.#store} of group ${topology.group}: this instance does not hold partition ${partition ?? '?'} of the key, or restores it still; await "ready", or ask another instance`,
    )
  }

  async *scan(range: StateRange = {}): AsyncGenerator<StateEntry> {
    const runs = [...this.#options.runs()].sort(([one], [other]) => one - other)
    for (const [, run] of runs) {
      const store = run.store(this.#store)
      if (store) yield* store.scanCommitted(range)
    }
  }
}
