import { BusbarError } from '../error.js'
import { bytesOfText, textOfBytes } from './bytes.js'
import { OrderedMap } from './ordered-map.js'
import type {
  StateChange,
  StateEntry,
  StateProvider,
  StateRange,
  StateStore,
  StateStoreId,
} from './state-store.js'

/**
 * Keeps state in this process: for tests, and for stores that are small enough to be made from their changelog again at
 * each start. What is closed is forgotten. Buses of one process may share it, as processes of one machine share a disk.
 */
export function memoryState(): StateProvider {
  const open = new Set<string>()
  const refuseLocked = (id: StateStoreId) => {
    if (!open.has(nameOf(id))) return
    throw new BusbarError('STATE_LOCKED', `the state ${describeState(id)} is open already in this process`)
  }
  return {
    name: 'memory',
    durable: false,
    async open(id) {
      refuseLocked(id)
      open.add(nameOf(id))
      return new MemoryStateStore(id, () => void open.delete(nameOf(id)))
    },
    async destroy(id) {
      refuseLocked(id)
    },
  }
}

/** How errors name a store. */
function describeState({ group, store, partition }: StateStoreId): string {
  return `${store}/${partition} of group ${group}`
}

class MemoryStateStore implements StateStore {
  readonly checkpoint = undefined
  readonly #id: StateStoreId
  readonly #release: () => void
  readonly #entries = new OrderedMap<Uint8Array>()
  #isClosed = false

  constructor(id: StateStoreId, release: () => void) {
    this.#id = id
    this.#release = release
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#refuseClosed()
    const value = this.#entries.get(textOfBytes(key))
    return value && copyOf(value)
  }

  async write(changes: readonly StateChange[]): Promise<void> {
    this.#refuseClosed()
    for (const { key, value } of changes) {
      if (value === undefined) this.#entries.delete(textOfBytes(key))
      else this.#entries.set(textOfBytes(key), copyOf(value))
    }
  }

  async *scan({ from, to }: StateRange = {}): AsyncGenerator<StateEntry> {
    this.#refuseClosed()
    const range = this.#entries.range(from && textOfBytes(from), to && textOfBytes(to))
    // References only: values are never changed in place.
    for (const [key, value] of [...range]) {
      this.#refuseClosed()
      yield { key: bytesOfText(key), value: copyOf(value) }
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#entries.clear()
    this.#release()
  }

  destroy(): Promise<void> {
    return this.close()
  }

  #refuseClosed(): void {
    if (this.#isClosed)
      throw new BusbarError('STATE_UNAVAILABLE', `the state ${describeState(this.#id)} was closed`)
  }
}

/** Not `slice`, which of a Buffer is no copy. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function nameOf({ group, store, partition }: StateStoreId): string {
  return JSON.stringify([group, store, partition])
}
