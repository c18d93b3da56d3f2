import { BusbarError } from '../error.js'
import {
  type EnumNode,
  type FieldNode,
  type FixedNode,
  type LogicalType,
  nameOf,
  type PrimitiveName,
  primitives,
  type RecordNode,
  type SchemaNode,
} from './schema-node.js'

/**
 * Parses an Avro schema (Avro 1.12, "Schema Declaration"). A codec made by `avro()` may stand for a schema inside.
 *
 * @param references schemas whose names it may use, each after those that it needs itself.
 * @param onCodec is told of each codec inside, with the node that its schema became.
 * @throws BusbarError `SCHEMA_INVALID` saying where in the schema and why.
 */
export function parseSchema(
  definition: unknown,
  references: readonly unknown[] = [],
  onCodec: (codec: object, node: SchemaNode) => void = () => {},
): SchemaNode {
  const parser = new Parser(onCodec)
  for (const reference of references) parser.parse(reference, '', 'a referenced schema')
  return parser.parse(definition, '', 'the schema')
}

type Declaration = Readonly<Record<string, unknown>>

/** Fields are filled in after the node is made, since they may refer to it. */
type Open<T> = { -readonly [K in keyof T]: T[K] }

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

const simpleName = /^[A-Za-z_][A-Za-z0-9_]*$/

class Parser {
  readonly #named = new Map<string, { readonly node: SchemaNode; readonly declaration: unknown }>()
  readonly #onCodec: (codec: object, node: SchemaNode) => void

  constructor(onCodec: (codec: object, node: SchemaNode) => void) {
    this.#onCodec = onCodec
  }

  /** `namespace` is that of the enclosing definition; `where` says, for messages, which part of the schema this is. */
  parse(definition: unknown, namespace: string, where: string): SchemaNode {
    if (typeof definition === 'string') return this.#byName(definition, namespace, where)
    if (Array.isArray(definition)) return this.#union(definition, namespace, where)
    if (typeof definition !== 'object' || definition === null) {
      throw invalid(where, `a schema is a name, a union (an array) or an object, got ${kindOf(definition)}`)
    }
    const nested = nestedDefinition(definition)
    if (nested !== undefined) {
      const node = this.parse(nested, '', where)
      this.#onCodec(definition, node)
      return node
    }
    return this.#declared(definition as Declaration, namespace, where)
  }

  #byName(name: string, namespace: string, where: string): SchemaNode {
    if (isPrimitive(name)) return { kind: name }
    const full = fullName(name, namespace)
    const known = this.#named.get(full)
    if (known) return known.node
    throw invalid(where, `there is no type "${full}": declare it before its first use, or correct the name`)
  }

  #union(definitions: readonly unknown[], namespace: string, where: string): SchemaNode {
    const branches = definitions.map((each, index) =>
      this.parse(each, namespace, `${where}, branch ${index + 1} of its union`),
    )
    const names = new Set<string>()
    for (const branch of branches) {
      if (branch.kind === 'union') throw invalid(where, 'a union must not hold a union directly')
      if (names.has(nameOf(branch))) throw invalid(where, `its union has two branches "${nameOf(branch)}"`)
      names.add(nameOf(branch))
    }
    return { kind: 'union', branches }
  }

  #declared(declaration: Declaration, namespace: string, where: string): SchemaNode {
    const { type } = declaration
    switch (type) {
      case 'record':
      case 'error':
        return this.#record(declaration, namespace, where)
      case 'enum':
        return this.#enum(declaration, namespace, where)
      case 'fixed':
        return this.#fixed(declaration, namespace, where)
      case 'array': {
        if (declaration['items'] === undefined) throw invalid(where, 'an array needs "items"')
        const items = this.parse(declaration['items'], namespace, `${where}, items`)
        return withLogicalType({ kind: 'array', items }, declaration)
      }
      case 'map': {
        if (declaration['values'] === undefined) throw invalid(where, 'a map needs "values"')
        const values = this.parse(declaration['values'], namespace, `${where}, values`)
        return withLogicalType({ kind: 'map', values }, declaration)
      }
      case undefined:
        throw invalid(where, 'its "type" is missing')
      default:
        if (isPrimitive(type)) return withLogicalType({ kind: type }, declaration)
        return this.parse(type, namespace, where)
    }
  }

  #record(declaration: Declaration, namespace: string, where: string): SchemaNode {
    const names = namesOf(declaration, namespace, where)
    const node: Open<RecordNode> = withLogicalType(
      { kind: 'record', ...names, doc: textOf(declaration['doc']), fields: [] },
      declaration,
    )
    const known = this.#define(node, declaration, where)
    if (known) return known
    const { fields } = declaration
    const inside = `record ${node.name}`
    if (!Array.isArray(fields)) throw invalid(inside, '"fields" must be an array')
    const own = namespaceOf(node.name)
    node.fields = fields.map((field: unknown, index) => this.#field(field, index, own, inside))
    const seen = new Set<string>()
    for (const { name } of node.fields) {
      if (seen.has(name)) throw invalid(inside, `it has two fields "${name}"`)
      seen.add(name)
    }
    return node
  }

  #field(field: unknown, index: number, namespace: string, where: string): FieldNode {
    if (typeof field !== 'object' || field === null || Array.isArray(field)) {
      throw invalid(where, `field ${index + 1} must be an object with "name" and "type"`)
    }
    const declaration = field as Declaration
    const { name } = declaration
    if (typeof name !== 'string' || !simpleName.test(name)) {
      throw invalid(where, `field ${index + 1} needs a "name" of letters, digits and _, got ${quote(name)}`)
    }
    const inside = `field ${name} of ${where}`
    if (declaration['type'] === undefined) throw invalid(inside, 'its "type" is missing')
    return {
      name,
      aliases: aliasesOf(declaration, inside),
      doc: textOf(declaration['doc']),
      type: this.parse(fieldType(declaration), namespace, inside),
      order: textOf(declaration['order']),
      ...(Object.hasOwn(declaration, 'default') ? { default: declaration['default'] } : {}),
    }
  }

  #enum(declaration: Declaration, namespace: string, where: string): SchemaNode {
    const names = namesOf(declaration, namespace, where)
    const inside = `enum ${names.name}`
    const { symbols } = declaration
    if (!Array.isArray(symbols)) throw invalid(inside, '"symbols" must be an array')
    const seen = new Set<string>()
    for (const symbol of symbols as readonly unknown[]) {
      if (typeof symbol !== 'string' || !simpleName.test(symbol)) {
        throw invalid(inside, `a symbol is a text of letters, digits and _, got ${quote(symbol)}`)
      }
      if (seen.has(symbol)) throw invalid(inside, `it has two symbols "${symbol}"`)
      seen.add(symbol)
    }
    const byDefault = textOf(declaration['default'])
    if (byDefault !== undefined && !seen.has(byDefault)) {
      throw invalid(inside, `its default ${quote(byDefault)} is none of its symbols`)
    }
    const node: EnumNode = withLogicalType(
      {
        kind: 'enum',
        ...names,
        doc: textOf(declaration['doc']),
        symbols: [...seen],
        default: byDefault,
      },
      declaration,
    )
    return this.#define(node, declaration, where) ?? node
  }

  #fixed(declaration: Declaration, namespace: string, where: string): SchemaNode {
    const names = namesOf(declaration, namespace, where)
    const { size } = declaration
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) {
      throw invalid(`fixed ${names.name}`, `"size" must be a number of bytes, got ${quote(size)}`)
    }
    const node: FixedNode = withLogicalType(
      { kind: 'fixed', ...names, doc: textOf(declaration['doc']), size },
      declaration,
    )
    return this.#define(node, declaration, where) ?? node
  }

  /** Notes a named type; returns the one that is there where the same declaration stands twice, as with a nested codec. */
  #define(
    node: SchemaNode & { readonly name: string },
    declaration: unknown,
    where: string,
  ): SchemaNode | undefined {
    const known = this.#named.get(node.name)
    if (!known) {
      this.#named.set(node.name, { node, declaration })
      return undefined
    }
    if (known.declaration === declaration || isDeepEqual(known.declaration, declaration)) return known.node
    throw invalid(where, `"${node.name}" is declared twice, differently: rename one, or refer to the first`)
  }
}

/** The definition behind a codec that stands for a schema. */
function nestedDefinition(value: object): unknown {
  if (!('schema' in value) || !('encode' in value)) return undefined
  const { schema } = value as {
    readonly schema?: { readonly format?: unknown; readonly definition?: unknown }
  }
  return schema?.format === 'avro' ? schema.definition : undefined
}

/** A field may carry the attributes of its type itself: `{ name, type: 'array', items }`. */
function fieldType(declaration: Declaration): unknown {
  const { type } = declaration
  const isInline =
    (type === 'array' && declaration['items'] !== undefined) ||
    (type === 'map' && declaration['values'] !== undefined)
  return isInline ? { type, items: declaration['items'], values: declaration['values'] } : type
}

function namesOf(
  declaration: Declaration,
  enclosing: string,
  where: string,
): { readonly name: string; readonly aliases: readonly string[] } {
  const { name } = declaration
  if (typeof name !== 'string' || !name.split('.').every(part => simpleName.test(part))) {
    throw invalid(
      where,
      `a ${String(declaration['type'])} needs a "name" of letters, digits and _, got ${quote(name)}`,
    )
  }
  if (isPrimitive(name)) throw invalid(where, `"${name}" is the name of a primitive type: choose another`)
  const own = declaration['namespace']
  if (own !== undefined && typeof own !== 'string') throw invalid(where, '"namespace" must be text')
  const full = fullName(name, own ?? enclosing)
  const aliases = aliasesOf(declaration, where).map(alias => fullName(alias, namespaceOf(full)))
  return { name: full, aliases }
}

function aliasesOf(declaration: Declaration, where: string): readonly string[] {
  const { aliases = [] } = declaration
  if (Array.isArray(aliases) && aliases.every(each => typeof each === 'string')) return aliases as string[]
  throw invalid(where, '"aliases" must be an array of names')
}

function withLogicalType<T extends SchemaNode>(node: T, declaration: Declaration): T {
  const { logicalType } = declaration
  if (typeof logicalType !== 'string') return node
  const attributes = Object.fromEntries(
    Object.entries(declaration).filter(([name]) => !reservedAttributes.includes(name)),
  )
  return { ...node, logicalType: { name: logicalType, attributes } satisfies LogicalType }
}

function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

function namespaceOf(full: string): string {
  return full.slice(0, Math.max(0, full.lastIndexOf('.')))
}

function isPrimitive(name: unknown): name is PrimitiveName {
  return primitives.includes(name as PrimitiveName)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function quote(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value)
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value
}

function isDeepEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function invalid(where: string, why: string): BusbarError {
  return new BusbarError('SCHEMA_INVALID', `this Avro schema is not valid: ${where}: ${why}`)
}
