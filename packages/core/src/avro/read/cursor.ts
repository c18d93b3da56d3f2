import { isUtf8 } from 'node:buffer'
import { BusbarError } from '../../error.js'

/** How deep records may be nested in one another: only recursive schemas get there. */
export const deepestRecords = 500

/**
 * How many items without bytes a value may have, such as nulls in an array. They cost memory and time that nothing in the
 * record pays for; everything else is bounded by the record's size.
 */
const mostEmptyItems = 10_000

/** A walk over bytes that may hold anything. */
export class Cursor {
  readonly bytes: Uint8Array
  at: number
  records = 0
  emptyItems = 0

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes
    this.at = at
  }
}

export function countEmpty(cursor: Cursor, count: number, where: string): void {
  cursor.emptyItems += count
  if (cursor.emptyItems <= mostEmptyItems) return
  throw wrong(cursor.at, `more than ${mostEmptyItems} items without bytes`, where)
}

export function text(cursor: Cursor, where: string): void {
  const length = long(cursor, where)
  const start = cursor.at
  skip(cursor, length, where)
  const { bytes, at: end } = cursor
  let at = start
  while (at < end && (bytes[at] ?? 0) < 0x80) at++
  if (at < end && !isUtf8(bytes.subarray(at, end))) throw wrong(start, 'a string that is not UTF-8', where)
}

export function index(cursor: Cursor, count: number, what: string, where: string): number {
  const at = cursor.at
  const value = long(cursor, where)
  if (value >= 0 && value < count) return value
  throw wrong(at, `an index that the ${what} does not have`, where)
}

export function int(cursor: Cursor, where: string): void {
  const at = cursor.at
  const value = long(cursor, where)
  if (value !== (value | 0) || cursor.at - at > 5) throw wrong(at, 'an int of more than 32 bits', where)
}

/** Exact within 2^52, and so for every length and index; beyond, of the right sign or at least far too large. */
export function long(cursor: Cursor, where: string): number {
  const { bytes } = cursor
  const start = cursor.at
  const first = bytes[start]
  if (first !== undefined && first < 0x80) {
    cursor.at = start + 1
    return (first >>> 1) ^ -(first & 1)
  }
  let value = 0
  let factor = 1
  for (let at = start; at < start + 10; at++) {
    const byte = bytes[at]
    if (byte === undefined) throw wrong(bytes.length, 'truncated', where)
    value += (byte & 0x7f) * factor
    if (byte < 0x80) {
      if (at === start + 9 && byte > 1) break
      cursor.at = at + 1
      const isNegative = ((first ?? 0) & 1) === 1
      return isNegative ? -(value - 1) / 2 - 1 : value / 2
    }
    factor *= 128
  }
  throw wrong(start, 'a number of more than 64 bits', where)
}

export function skip(cursor: Cursor, length: number, where: string): void {
  if (length < 0) throw wrong(cursor.at, 'a negative length', where)
  if (length > cursor.bytes.length - cursor.at) throw wrong(cursor.bytes.length, 'truncated', where)
  cursor.at += length
}

/** `truncated at byte 12 in field email of User` */
export function wrong(at: number, what: string, where: string): BusbarError {
  return new BusbarError('DECODE_FAILED', `${what} at byte ${at} ${where}`)
}
