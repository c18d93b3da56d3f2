/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), which Kafka's record batches carry. Node's `zlib.crc32` is another
 * polynomial. Eight bytes at a time with eight tables ("slicing by 8").
 */
const tables = makeTables()
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
]

/** The checksum of `bytes` from `start` up to `end`, as an unsigned 32-bit integer. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = -1
  let i = start
  for (; i + 8 <= end; i += 8) {
    const low =
      crc ^ (at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24))
    crc =
      at(t7, low & 255) ^
      at(t6, (low >>> 8) & 255) ^
      at(t5, (low >>> 16) & 255) ^
      at(t4, low >>> 24) ^
      at(t3, at(bytes, i + 4)) ^
      at(t2, at(bytes, i + 5)) ^
      at(t1, at(bytes, i + 6)) ^
      at(t0, at(bytes, i + 7))
  }
  for (; i < end; i++) crc = at(t0, (crc ^ at(bytes, i)) & 255) ^ (crc >>> 8)
  return (crc ^ -1) >>> 0
}

function at(array: Uint8Array | Int32Array, index: number): number {
  return array[index] as number
}

function makeTables(): Int32Array[] {
  const first = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    first[byte] = crc
  }
  const all = [first]
  for (let k = 1; k < 8; k++) {
    const previous = all[k - 1] as Int32Array
    all.push(Int32Array.from(previous, crc => (crc >>> 8) ^ at(first, crc & 255)))
  }
  return all
}
