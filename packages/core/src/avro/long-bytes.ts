import type { Tap } from './avsc-step.js'

/**
 * avsc computes the zig-zag encoding of a long in floating point, which is exact to here; below -2^52 it silently gives
 * another number.
 */
const exact = 2 ** 52

/** The long at the cursor, if a number holds it exactly. */
export function readSafeLong(tap: Tap): number | undefined {
  const value = readLong(tap)
  if (typeof value === 'number') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : undefined
}

/** A number where that is exact without a doubt, and a bigint otherwise. */
export function readLong(tap: Tap): number | bigint {
  const start = tap.pos
  const value = tap.readLong()
  return value < exact && value > -exact ? value : zigZagAt(tap.buf, start, tap.pos)
}

export function writeLong(tap: Tap, value: number | bigint): void {
  const number = Number(value)
  if (number < exact && number > -exact) tap.writeLong(number)
  else writeBigInt(tap, BigInt(value))
}

function writeBigInt(tap: Tap, long: bigint): void {
  let rest = BigInt.asUintN(64, (long << 1n) ^ (long >> 63n))
  while (rest >= 0x80n) {
    tap.buf[tap.pos++] = Number(rest & 0x7fn) | 0x80
    rest >>= 7n
  }
  tap.buf[tap.pos++] = Number(rest)
}

function zigZagAt(bytes: Buffer, start: number, end: number): bigint {
  let rest = 0n
  for (let at = end - 1; at >= start; at--) rest = (rest << 7n) | BigInt((bytes[at] ?? 0) & 0x7f)
  rest = BigInt.asUintN(64, rest)
  return (rest >> 1n) ^ -(rest & 1n)
}
