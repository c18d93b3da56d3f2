import { nameOf, type SchemaNode } from '../../dist/avro/schema/schema-node.js'

/** A value of a schema in Avro's JSON encoding. `depth` ends recursive types, where they can end. */
export function randomValue(node: SchemaNode, random: () => number, depth = 4): unknown {
  const below = (bound: number) => Math.floor(random() * bound)
  switch (node.kind) {
    case 'null':
      return null
    case 'boolean':
      return random() < 0.5
    case 'int':
    case 'long':
      return below(2_000_000) - 1_000_000
    case 'float':
    case 'double':
      return below(100) / 4
    case 'bytes':
    case 'string':
      return 'text'.slice(below(5))
    case 'fixed':
      return 'x'.repeat(node.size)
    case 'enum':
      return node.symbols[below(node.symbols.length)]
    case 'array':
      return depth <= 0
        ? []
        : Array.from({ length: below(3) }, () => randomValue(node.items, random, depth - 1))
    case 'map':
      return depth <= 0 ? {} : { key: randomValue(node.values, random, depth - 1) }
    case 'record':
      return Object.fromEntries(
        node.fields.map(({ name, type }) => [name, randomValue(type, random, depth - 1)]),
      )
    case 'union': {
      const isEnding = (branch: SchemaNode) => branch.kind !== 'record'
      const branches =
        depth <= 0 && node.branches.some(isEnding) ? node.branches.filter(isEnding) : node.branches
      const branch = branches[below(branches.length)]
      if (branch === undefined) throw new Error('a union of nothing has no values')
      return branch.kind === 'null' ? null : { [nameOf(branch)]: randomValue(branch, random, depth - 1) }
    }
  }
}
