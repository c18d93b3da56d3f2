/** Zigzag varints as Kafka's records use them: int32 (`varint`) and int64 (`varlong`). */

/** Bytes of a 32-bit integer as varint. */
export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  return zigzag < 0x80 ? 1 : zigzag < 0x4000 ? 2 : zigzag < 0x20_0000 ? 3 : zigzag < 0x1000_0000 ? 4 : 5
}

/** Writes a 32-bit integer as varint; returns the position behind it. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  while (zigzag > 0x7f) {
    target[position++] = (zigzag & 0x7f) | 0x80
    zigzag >>>= 7
  }
  target[position++] = zigzag
  return position
}

/** Bytes of a safe integer as varlong. */
export function varlongSize(value: number): number {
  if (value === value >> 0) return varintSize(value)
  let zigzag = zigzag64(value)
  let size = 1
  while (zigzag > 0x7fn) {
    zigzag >>= 7n
    size++
  }
  return size
}

/** Writes a safe integer as varlong; returns the position behind it. */
export function writeVarlong(target: Uint8Array, position: number, value: number): number {
  // Within 32 bits a varlong has the bytes of a varint.
  if (value === value >> 0) return writeVarint(target, position, value)
  let zigzag = zigzag64(value)
  while (zigzag > 0x7fn) {
    target[position++] = Number(zigzag & 0x7fn) | 0x80
    zigzag >>= 7n
  }
  target[position++] = Number(zigzag)
  return position
}

function zigzag64(value: number): bigint {
  const wide = BigInt(value)
  return wide >= 0n ? wide * 2n : -wide * 2n - 1n
}
