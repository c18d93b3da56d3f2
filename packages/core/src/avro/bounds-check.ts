import { isUtf8 } from 'node:buffer'
import { BusbarError } from '../error.js'
import type { SchemaNode } from './schema-node.js'
import { smallestSize } from './smallest-size.js'

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

/** Moves a cursor past one value, or throws `DECODE_FAILED` saying what is wrong at which byte and in which field. */
export type BoundsCheck = (cursor: Cursor) => void

/**
 * Compiles what tells whether bytes are a value of a schema, since avsc believes bytes: it reads past their end, takes
 * negative lengths, and makes arrays of any length that they name.
 *
 * Exact: what passes is read by avsc without a fault, in memory of the order of the bytes' size. Recursion is bounded.
 */
export function boundsCheck(schema: SchemaNode): BoundsCheck {
  return new Compiler().check(schema, `in ${schema.kind === 'record' ? schema.name : 'the value'}`)
}

class Compiler {
  readonly #records = new Map<SchemaNode, BoundsCheck>()

  /** `where` is the field, for messages. */
  check(node: SchemaNode, where: string): BoundsCheck {
    switch (node.kind) {
      case 'null':
        return () => {}
      case 'boolean':
        return cursor => {
          const at = cursor.at
          skip(cursor, 1, where)
          if ((cursor.bytes[at] ?? 0) > 1) throw wrong(at, 'a boolean that is neither 0 nor 1', where)
        }
      case 'int':
        return cursor => int(cursor, where)
      case 'long':
        return cursor => void long(cursor, where)
      case 'float':
        return cursor => skip(cursor, 4, where)
      case 'double':
        return cursor => skip(cursor, 8, where)
      case 'bytes':
        return cursor => skip(cursor, long(cursor, where), where)
      case 'string':
        return cursor => text(cursor, where)
      case 'fixed':
        return cursor => skip(cursor, node.size, where)
      case 'enum':
        return cursor => void index(cursor, node.symbols.length, 'enum', where)
      case 'union':
        return this.#union(node.branches, where)
      case 'array':
        return blocks(this.check(node.items, where), smallestSize(node.items), where)
      case 'map': {
        const value = this.check(node.values, where)
        const entry: BoundsCheck = cursor => {
          text(cursor, where)
          value(cursor)
        }
        return blocks(entry, smallestSize(node.values) + 1, where)
      }
      case 'record':
        return this.#record(node, where)
    }
  }

  #union(branches: readonly SchemaNode[], where: string): BoundsCheck {
    const checks = branches.map(branch => this.check(branch, where))
    return cursor => checks[index(cursor, checks.length, 'union', where)]?.(cursor)
  }

  #record(node: Extract<SchemaNode, { kind: 'record' }>, where: string): BoundsCheck {
    const known = this.#records.get(node)
    if (known) return known
    const fields: BoundsCheck[] = []
    const check: BoundsCheck = cursor => {
      const start = cursor.at
      if (++cursor.records > deepestRecords) {
        throw wrong(start, `more than ${deepestRecords} records in one another`, where)
      }
      for (let i = 0; i < fields.length; i++) fields[i]?.(cursor)
      cursor.records--
      // Records of nothing, in records of nothing: a schema can ask for more of them than there are bytes.
      if (cursor.at === start) countEmpty(cursor, 1, where)
    }
    this.#records.set(node, check)
    for (const { name, type } of node.fields)
      fields.push(this.check(type, `in field ${name} of ${node.name}`))
    return check
  }
}

/** The blocks of an array or a map: a count, then that many items; ended by 0. Before a negative count's items stands their size. */
function blocks(item: BoundsCheck, itemSize: number, where: string): BoundsCheck {
  return cursor => {
    for (;;) {
      const at = cursor.at
      let count = long(cursor, where)
      if (count === 0) return
      let end = -1
      if (count < 0) {
        count = -count
        const size = long(cursor, where)
        if (size < 0) throw wrong(at, 'a block of a negative size', where)
        end = cursor.at + size
      }
      if (count * itemSize > cursor.bytes.length - cursor.at) {
        throw wrong(at, 'a block of more items than bytes are left', where)
      }
      if (itemSize === 0) countEmpty(cursor, count, where)
      while (count-- > 0) item(cursor)
      if (end >= 0 && cursor.at !== end) throw wrong(at, 'a block that is not of the size it names', where)
    }
  }
}

function countEmpty(cursor: Cursor, count: number, where: string): void {
  cursor.emptyItems += count
  if (cursor.emptyItems <= mostEmptyItems) return
  throw wrong(cursor.at, `more than ${mostEmptyItems} items without bytes`, where)
}

function text(cursor: Cursor, where: string): void {
  const length = long(cursor, where)
  const start = cursor.at
  skip(cursor, length, where)
  const { bytes, at: end } = cursor
  let at = start
  while (at < end && (bytes[at] ?? 0) < 0x80) at++
  if (at < end && !isUtf8(bytes.subarray(at, end))) throw wrong(start, 'a string that is not UTF-8', where)
}

function index(cursor: Cursor, count: number, what: string, where: string): number {
  const at = cursor.at
  const value = long(cursor, where)
  if (value >= 0 && value < count) return value
  throw wrong(at, `an index that the ${what} does not have`, where)
}

function int(cursor: Cursor, where: string): void {
  const at = cursor.at
  const value = long(cursor, where)
  if (value !== (value | 0) || cursor.at - at > 5) throw wrong(at, 'an int of more than 32 bits', where)
}

/** Exact within 2^52, and so for every length and index; beyond, of the right sign or at least far too large. */
function long(cursor: Cursor, where: string): number {
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

function skip(cursor: Cursor, length: number, where: string): void {
  if (length < 0) throw wrong(cursor.at, 'a negative length', where)
  if (length > cursor.bytes.length - cursor.at) throw wrong(cursor.bytes.length, 'truncated', where)
  cursor.at += length
}

/** `truncated at byte 12 in field email of User` */
function wrong(at: number, what: string, where: string): BusbarError {
  return new BusbarError('DECODE_FAILED', `${what} at byte ${at} ${where}`)
}
