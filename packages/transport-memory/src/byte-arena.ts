const chunkBytes = 16_384
/** A larger one would waste the rest of a chunk, and gets a buffer of its own. */
const largestShared = chunkBytes / 4

/**
 * Copies bytes into larger buffers: allocating one buffer per key, value and header costs ten times as much as copying
 * them. A copy shares its buffer with others of the same arena, as a Node `Buffer` does: mind `byteOffset`.
 */
export class ByteArena {
  #chunk = new Uint8Array(0)
  /** The same memory, for writing text into it. */
  #writer = Buffer.alloc(0)
  #used = 0

  copy(bytes: Uint8Array): Uint8Array {
    const length = bytes.byteLength
    if (length > largestShared) return new Uint8Array(bytes)
    this.#reserve(length)
    this.#chunk.set(bytes, this.#used)
    return this.#take(length)
  }

  /** A text as UTF-8. */
  encode(text: string): Uint8Array {
    // UTF-8 takes at most three bytes per UTF-16 unit.
    if (text.length * 3 > largestShared) return new TextEncoder().encode(text)
    this.#reserve(text.length * 3)
    return this.#take(this.#writer.write(text, this.#used))
  }

  #reserve(length: number): void {
    if (this.#used + length <= this.#chunk.byteLength) return
    this.#chunk = new Uint8Array(chunkBytes)
    this.#writer = Buffer.from(this.#chunk.buffer)
    this.#used = 0
  }

  #take(length: number): Uint8Array {
    const start = this.#used
    this.#used += length
    return this.#chunk.subarray(start, this.#used)
  }
}
