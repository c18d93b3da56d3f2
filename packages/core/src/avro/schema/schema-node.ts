/** The names of Avro's primitive types. */
export const primitives = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const

export type PrimitiveName = (typeof primitives)[number]

/** A logical type as a schema declares it; what it means is for whoever knows its name. */
export interface LogicalType {
  readonly name: string
  /** The other attributes of the schema that declares it, for example `precision`. */
  readonly attributes: Readonly<Record<string, unknown>>
}

interface Node<Kind extends string> {
  readonly kind: Kind
  readonly logicalType?: LogicalType | undefined
}

export interface PrimitiveNode extends Node<PrimitiveName> {}

interface ArrayNode extends Node<'array'> {
  readonly items: SchemaNode
}

interface MapNode extends Node<'map'> {
  readonly values: SchemaNode
}

export interface UnionNode extends Node<'union'> {
  readonly branches: readonly SchemaNode[]
}

interface NamedNode<Kind extends string> extends Node<Kind> {
  /** The full name: namespace and name. */
  readonly name: string
  /** Full names. */
  readonly aliases: readonly string[]
  readonly doc: string | undefined
}

export interface RecordNode extends NamedNode<'record'> {
  readonly fields: readonly FieldNode[]
}

export interface FieldNode {
  readonly name: string
  readonly aliases: readonly string[]
  readonly doc: string | undefined
  readonly type: SchemaNode
  /** As JSON; absent where the field has none (`null` is one). */
  readonly default?: unknown
  readonly order: string | undefined
}

export interface EnumNode extends NamedNode<'enum'> {
  readonly symbols: readonly string[]
  /** The symbol that stands for those that a reader does not know. */
  readonly default: string | undefined
}

export interface FixedNode extends NamedNode<'fixed'> {
  /** In bytes. */
  readonly size: number
}

/**
 * A parsed Avro schema. Names are resolved: every reference to a named type is the same object as its definition, so the
 * nodes of a recursive schema form a cycle.
 */
export type SchemaNode = PrimitiveNode | ArrayNode | MapNode | UnionNode | RecordNode | EnumNode | FixedNode

/** What a schema is called in a union and in messages: its full name, or its kind. */
export function nameOf(node: SchemaNode): string {
  return 'name' in node ? node.name : node.kind
}

export function isPrimitiveNode(node: SchemaNode): node is PrimitiveNode {
  return (primitives as readonly string[]).includes(node.kind)
}
