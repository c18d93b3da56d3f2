/** Larger than any frame of a test: what looks so isn't Kafka's protocol. */
const MAX_FRAME = 256 * 1024 * 1024

/** Cuts a byte stream into Kafka's frames: a four-byte size and that many bytes. */
export class FrameSplitter {
  #rest: Buffer = Buffer.alloc(0)

  /**
   * Takes the next bytes and returns the frames that are whole now, each with its size in front.
   *
   * @throws RangeError for a size that no frame has.
   */
  push(chunk: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: Buffer[] = []
    while (this.#rest.length >= 4) {
      const size = this.#rest.readInt32BE(0)
      if (size < 0 || size > MAX_FRAME) throw new RangeError(`no Kafka frame has ${size} bytes`)
      if (this.#rest.length < 4 + size) break
      frames.push(this.#rest.subarray(0, 4 + size))
      this.#rest = this.#rest.subarray(4 + size)
    }
    return frames
  }
}
