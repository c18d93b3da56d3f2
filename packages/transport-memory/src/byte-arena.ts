const chunkBytes = 16_384

/**
 * Copies bytes into larger buffers: allocating one buffer per key, value and header costs ten times as much as copying
 * them. A copy shares its buffer with others of the same arena, as a Node `Buffer` does: mind `byteOffset`.
 */
export class ByteArena {
  #chunk = new Uint8Array(0)
  #used = 0

  copy(bytes: Uint8Array): Uint8Array {
    const length = bytes.byteLength
    // A large one would waste the rest of the chunk.
    if (length > chunkBytes / 4) return new Uint8Array(bytes)
    if (this.#used + length > this.#chunk.byteLength) {
      this.#chunk = new Uint8Array(chunkBytes)
      this.#used = 0
    }
    const start = this.#used
    this.#used += length
    this.#chunk.set(bytes, start)
    return this.#chunk.subarray(start, this.#used)
  }
}
