import type { SchemaNode } from '../schema/schema-node.js'
import { type Cursor, countEmpty, deepestRecords, index, int, long, skip, text, wrong } from './cursor.js'
import { smallestSize } from './smallest-size.js'

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
