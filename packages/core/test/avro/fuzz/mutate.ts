type Random = () => number

/** A mutation of a record: one or a few changes, each of a kind that decoders are known to stumble over. */
export function mutate(record: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes = record
  for (let changes = random() < 0.7 ? 1 : 3; changes > 0; changes--) {
    bytes = change(bytes, others[int(random, others.length)] ?? record, random)
  }
  return bytes
}

function change(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const at = int(random, bytes.length + 1)
  const length = int(random, Math.min(16, bytes.length - at) + 1)
  const before = bytes.subarray(0, at)
  const after = bytes.subarray(at + length)
  switch (int(random, 8)) {
    case 0:
      return flipped(bytes, random)
    case 1:
      return before
    case 2:
      return joined(before, noise(random), bytes.subarray(at))
    case 3:
      return joined(before, after)
    case 4:
      return joined(before, other.subarray(int(random, other.length + 1)))
    case 5:
      return joined(before, varint(random), bytes.subarray(Math.min(at + 1, bytes.length)))
    case 6:
      return joined(before, varint(random), bytes.subarray(at))
    default:
      return joined(before, bytes.subarray(at, at + length), bytes.subarray(at, at + length), after)
  }
}

function flipped(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes)
  for (let flips = 1 + int(random, 4); flips > 0 && copy.length > 0; flips--) {
    const at = int(random, copy.length)
    copy[at] = (copy[at] ?? 0) ^ (1 << int(random, 8))
  }
  return copy
}

function noise(random: Random): Uint8Array {
  return Uint8Array.from({ length: 1 + int(random, 12) }, () => int(random, 256))
}

/** Small, huge, negative, at the borders of 32 and 64 bits, and longer than allowed. */
function varint(random: Random): Uint8Array {
  const bits = int(random, 66)
  let rest = 0n
  for (let bit = 0; bit < bits; bit++) rest = (rest << 1n) | BigInt(random() < 0.5 ? 0 : 1)
  const bytes: number[] = []
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function int(random: Random, below: number): number {
  return Math.floor(random() * below)
}
