/** Entries per chunk: small enough to insert into quickly, large enough to keep the list of chunks short. */
const maxChunk = 512

interface Chunk<V> {
  readonly keys: string[]
  readonly values: V[]
}

/** A map whose entries are in the order of their keys, by UTF-16 code unit. */
export class OrderedMap<V> {
  /** In order; none is empty. */
  #chunks: Chunk<V>[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: string): V | undefined {
    const chunk = this.#chunks[this.#chunkOf(key)]
    if (!chunk) return undefined
    const index = firstFrom(chunk.keys, key)
    return chunk.keys[index] === key ? chunk.values[index] : undefined
  }

  has(key: string): boolean {
    const chunk = this.#chunks[this.#chunkOf(key)]
    return chunk !== undefined && chunk.keys[firstFrom(chunk.keys, key)] === key
  }

  set(key: string, value: V): void {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    if (!chunk) {
      this.#chunks.push({ keys: [key], values: [value] })
      this.#size += 1
      return
    }
    const index = firstFrom(chunk.keys, key)
    if (chunk.keys[index] === key) {
      chunk.values[index] = value
      return
    }
    chunk.keys.splice(index, 0, key)
    chunk.values.splice(index, 0, value)
    this.#size += 1
    if (chunk.keys.length > maxChunk) this.#split(at, chunk)
  }

  delete(key: string): boolean {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    const index = chunk ? firstFrom(chunk.keys, key) : -1
    if (!chunk || chunk.keys[index] !== key) return false
    chunk.keys.splice(index, 1)
    chunk.values.splice(index, 1)
    this.#size -= 1
    if (chunk.keys.length === 0) this.#chunks.splice(at, 1)
    return true
  }

  clear(): void {
    this.#chunks = []
    this.#size = 0
  }

  /** Entries from `from` (inclusive) to `to` (exclusive). The map must not change meanwhile. */
  *range(from?: string, to?: string): Generator<readonly [key: string, value: V]> {
    const first = from === undefined ? 0 : this.#chunkOf(from)
    for (let at = first; at < this.#chunks.length; at += 1) {
      const { keys, values } = this.#chunks[at] as Chunk<V>
      const start = at === first && from !== undefined ? firstFrom(keys, from) : 0
      for (let index = start; index < keys.length; index += 1) {
        const key = keys[index] as string
        if (to !== undefined && key >= to) return
        yield [key, values[index] as V]
      }
    }
  }

  /** The index of the last chunk that starts at or before a key; 0 where none does. */
  #chunkOf(key: string): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#chunks[middle]?.keys[0] as string) <= key) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  #split(at: number, chunk: Chunk<V>): void {
    const half = chunk.keys.length >>> 1
    this.#chunks.splice(at + 1, 0, { keys: chunk.keys.splice(half), values: chunk.values.splice(half) })
  }
}

/** The index of the first key that is not before the given one. */
function firstFrom(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}
