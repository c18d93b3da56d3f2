import { avscType, type TapType } from './avsc-step.js'
import {
  BigIntReader,
  BytesAsText,
  BytesReader,
  LongAsDouble,
  LongAsFloat,
  LongReader,
} from './read-primitives.js'
import { nameOf, type SchemaNode } from './schema-node.js'
import type { Shape } from './shape.js'

/** What else each primitive type can be read as. */
const promotions: Readonly<Record<string, readonly string[]>> = {
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  string: ['bytes'],
  bytes: ['string'],
}

/** Whether a writer's named type is a reader's: by unqualified name, or by alias. */
export function namesMatch(writer: SchemaNode, reader: Shape): boolean {
  const name = nameOf(writer)
  if (unqualified(name) === unqualified(reader.name)) return true
  return 'aliases' in reader && reader.aliases.includes(name)
}

/**
 * The branch of a reader's union for what was written with another schema: that of the same type, and by the full name
 * before others; without one the first that the writer's can be promoted to. The specification says "the first schema
 * that matches", which would read text as bytes from `['bytes', 'string']`; Java prefers the same type, and so do we.
 */
export function matchingBranch(writer: SchemaNode, branches: readonly Shape[]): Shape | undefined {
  const same = branches.filter(({ kind }) => kind === writer.kind)
  if (!('name' in writer)) {
    return same[0] ?? branches.find(({ kind }) => promotions[writer.kind]?.includes(kind))
  }
  return (
    same.find(({ name }) => name === writer.name) ??
    same.find(branch => 'aliases' in branch && branch.aliases.includes(writer.name)) ??
    same.find(branch => namesMatch(writer, branch))
  )
}

/** A type that reads a writer's primitive as a reader's; undefined if that cannot be. */
export function primitiveReader(writer: SchemaNode, reader: Shape, where: string): TapType | undefined {
  if (writer.kind !== reader.kind && !promotions[writer.kind]?.includes(reader.kind)) return undefined
  switch (reader.kind) {
    case 'null':
    case 'boolean':
    case 'int':
      return avscType(reader.kind)
    case 'long':
      return reader.isBigInt ? new BigIntReader() : new LongReader(where)
    case 'float':
      return writer.kind === 'float' ? avscType('float') : new LongAsFloat()
    case 'double':
      return writer.kind === 'long' ? new LongAsDouble() : avscType(writer.kind)
    case 'string':
      return writer.kind === 'string' ? avscType('string') : new BytesAsText(where)
    case 'bytes':
      return new BytesReader()
    case 'array':
    case 'map':
    case 'record':
    case 'enum':
    case 'fixed':
    case 'union':
      return undefined
  }
}

function unqualified(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
