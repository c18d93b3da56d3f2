import type { SchemaNode } from '../schema/schema-node.js'

const known = new WeakMap<SchemaNode, number>()

/** The bytes that a value of a schema takes at least. */
export function smallestSize(node: SchemaNode): number {
  switch (node.kind) {
    case 'null':
      return 0
    case 'float':
      return 4
    case 'double':
      return 8
    case 'fixed':
      return node.size
    case 'record': {
      const before = known.get(node)
      if (before !== undefined) return before
      // Inside of itself a record counts as nothing, which is not more than it is.
      known.set(node, 0)
      const size = node.fields.reduce((sum, { type }) => sum + smallestSize(type), 0)
      known.set(node, size)
      return size
    }
    case 'boolean':
    case 'int':
    case 'long':
    case 'string':
    case 'bytes':
    case 'enum':
    case 'array':
    case 'map':
    case 'union':
      return 1
  }
}
