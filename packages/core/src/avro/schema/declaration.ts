import type { LogicalType, SchemaNode } from './schema-node.js'

/** What a schema is declared by: a JSON object. */
export type Declaration = Readonly<Record<string, unknown>>

const reservedAttributes: readonly string[] = [
  'type',
  'name',
  'namespace',
  'aliases',
  'doc',
  'fields',
  'symbols',
  'items',
  'values',
  'size',
  'default',
  'order',
  'logicalType',
]

/** The definition behind a codec that stands for a schema. */
export function nestedDefinition(value: object): unknown {
  if (!('schema' in value) || !('encode' in value)) return undefined
  const { schema } = value as {
    readonly schema?: { readonly format?: unknown; readonly definition?: unknown }
  }
  return schema?.format === 'avro' ? schema.definition : undefined
}

/** A field may carry the attributes of its type itself: `{ name, type: 'array', items }`. */
export function fieldType(declaration: Declaration): unknown {
  const { type } = declaration
  const isInline =
    (type === 'array' && declaration['items'] !== undefined) ||
    (type === 'map' && declaration['values'] !== undefined)
  return isInline ? { type, items: declaration['items'], values: declaration['values'] } : type
}

export function withLogicalType<T extends SchemaNode>(node: T, declaration: Declaration): T {
  const { logicalType } = declaration
  if (typeof logicalType !== 'string') return node
  const attributes = Object.fromEntries(
    Object.entries(declaration).filter(([name]) => !reservedAttributes.includes(name)),
  )
  return { ...node, logicalType: { name: logicalType, attributes } satisfies LogicalType }
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value
}

export function isDeepEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
