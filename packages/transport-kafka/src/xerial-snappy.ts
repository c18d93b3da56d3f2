/**
 * The framing that Kafka's Java clients put around Snappy (snappy-java's `SnappyOutputStream`): a magic, two versions,
 * then blocks of an int32 size and raw Snappy each.
 */
const magic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const header = Buffer.concat([magic, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])

/** What snappy-java puts into one block, in bytes before compression. */
const blockBytes = 32 * 1024

type Transform = (bytes: Uint8Array) => Promise<Uint8Array> | Uint8Array

/** Compresses block by block. */
export function snappyFramed(compress: Transform): (bytes: Uint8Array) => Promise<Buffer> {
  return async bytes => {
    const blocks: Promise<Uint8Array>[] = []
    for (let at = 0; at < bytes.length; at += blockBytes) {
      blocks.push(Promise.resolve(compress(bytes.subarray(at, at + blockBytes))))
    }
    const parts: Uint8Array[] = [header]
    for (const block of await Promise.all(blocks)) {
      const size = Buffer.alloc(4)
      size.writeInt32BE(block.length)
      parts.push(size, block)
    }
    return Buffer.concat(parts)
  }
}

/** Decompresses what has the framing, and raw Snappy, which librdkafka writes. */
export function snappyUnframed(uncompress: Transform): (bytes: Uint8Array) => Promise<Buffer> {
  return async bytes => {
    const framed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (!framed.subarray(0, magic.length).equals(magic)) return Buffer.from(await uncompress(framed))
    const blocks: Promise<Uint8Array>[] = []
    for (let at = header.length; at < framed.length; ) {
      const size = framed.readInt32BE(at)
      blocks.push(Promise.resolve(uncompress(framed.subarray(at + 4, at + 4 + size))))
      at += 4 + size
    }
    return Buffer.concat(await Promise.all(blocks))
  }
}
