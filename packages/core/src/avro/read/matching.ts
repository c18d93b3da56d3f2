import { avscType, type TapType } from '../avsc-step.js'
import { promotions, simpleName } from '../compatibility/can-read.js'
import { nameOf, type SchemaNode } from '../schema/schema-node.js'
import type { Shape } from '../shape.js'
import {
  BigIntReader,
  BytesAsText,
  BytesReader,
  LongAsDouble,
  LongAsFloat,
  LongReader,
} from './read-primitives.js'

/** Whether a writer's named type is a reader's: by name without namespace, or by alias. */
export function namesMatch(writer: SchemaNode, reader: Shape): boolean {
  const name = nameOf(writer)
  if (simpleName(name) === simpleName(reader.name)) return true
  return 'aliases' in reader && reader.aliases.includes(name)
}

/**
 * The branches of a reader's union that may be for what was written with another schema, the best first: of the same
 * type, and by the full name before others; without one those that the writer's can be promoted to. The specification says
 * "the first schema that matches", which would read text as bytes from `['bytes', 'string']`; Java prefers the same
 * type, and so do we.
 */
export function matchingBranches(writer: SchemaNode, branches: readonly Shape[]): readonly Shape[] {
  const same = branches.filter(({ kind }) => kind === writer.kind)
  if (!('name' in writer)) {
    return same.length > 0 ? same : branches.filter(({ kind }) => promotions[writer.kind]?.includes(kind))
  }
  const isExact = ({ name }: Shape): boolean => name === writer.name
  const named = same.filter(branch => namesMatch(writer, branch))
  return [...named.filter(isExact), ...named.filter(branch => !isExact(branch))]
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
