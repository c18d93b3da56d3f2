import { codecNodes } from './codec-nodes.js'
import {
  type Declaration,
  fieldType,
  isDeepEqual,
  kindOf,
  nestedDefinition,
  textOf,
  withLogicalType,
} from './declaration.js'
import { aliasesOf, fullName, isPrimitive, isSimpleName, namesOf, namespaceOf } from './declared-names.js'
import { invalidSchema as invalid, quote } from './invalid-schema.js'
import {
  type EnumNode,
  type FieldNode,
  type FixedNode,
  nameOf,
  type RecordNode,
  type SchemaNode,
} from './schema-node.js'
import { definitionOf } from './schema-text.js'

/**
 * Parses an Avro schema (Avro 1.12, "Schema Declaration"). A codec made by `avro()` may stand for a schema inside.
 *
 * @param references schemas whose names it may use, each after those that it needs itself.
 * @throws BusbarError `SCHEMA_INVALID` saying where in the schema and why.
 */
export function parseSchema(definition: unknown, references: readonly unknown[] = []): SchemaNode {
  const parser = new Parser()
  for (const reference of references) parser.parse(reference, '', 'a referenced schema')
  return parser.parse(definition, '', 'the schema')
}

/** Fields are filled in after the node is made, since they may refer to it. */
type Open<T> = { -readonly [K in keyof T]: T[K] }

/** Java refuses what is nested deeper, and a stack has an end. */
const MAX_DEPTH = 200

const MAX_FIXED_SIZE = 2 ** 31 - 1

/** What is no name of a type, though it may stand in the `type` of a declaration. */
const kindsWithAttributes: readonly unknown[] = ['record', 'error', 'enum', 'fixed', 'array', 'map', 'union']

const orders: readonly unknown[] = ['ascending', 'descending', 'ignore']

class Parser {
  /** Without a declaration where it came with a codec. */
  readonly #named = new Map<string, { readonly node: SchemaNode; readonly declaration?: unknown }>()
  #depth = 0

  /** `namespace` is that of the enclosing definition; `where` says, for messages, which part of the schema this is. */
  parse(definition: unknown, namespace: string, where: string): SchemaNode {
    if (this.#depth === MAX_DEPTH) {
      throw invalid(
        'the schema',
        `it nests deeper than ${MAX_DEPTH} levels: name inner types, and refer to them`,
      )
    }
    this.#depth++
    const node = this.#parsed(definition, namespace, where)
    this.#depth--
    return node
  }

  #parsed(definition: unknown, namespace: string, where: string): SchemaNode {
    if (typeof definition === 'string') return this.#byName(definition, namespace, where)
    if (Array.isArray(definition)) return this.#union(definition, namespace, where)
    if (typeof definition !== 'object' || definition === null) {
      throw invalid(where, `a schema is a name, a union (an array) or an object, got ${kindOf(definition)}`)
    }
    const known = codecNodes.get(definition)
    if (known) {
      this.#adopt(known, where)
      return known
    }
    // One that was made otherwise: a copy, or with another installation of this package.
    const nested = nestedDefinition(definition)
    if (nested !== undefined) return this.parse(nested, '', where)
    return this.#declared(definition as Declaration, namespace, where)
  }

  #byName(name: string, namespace: string, where: string): SchemaNode {
    if (isPrimitive(name)) return { kind: name }
    const full = fullName(name, namespace)
    // A type without namespace is known everywhere by its name, as in Java: it has no other.
    const known = this.#named.get(full) ?? this.#named.get(name)
    if (known) return known.node
    if (kindsWithAttributes.includes(name)) {
      throw invalid(where, `"${name}" is no type by itself: give { "type": "${name}", … } in its place`)
    }
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
    if (!isSimpleName(name)) {
      throw invalid(where, `field ${index + 1} needs a "name" of letters, digits and _, got ${quote(name)}`)
    }
    const inside = `field ${name} of ${where}`
    if (declaration['type'] === undefined) throw invalid(inside, 'its "type" is missing')
    const { order } = declaration
    if (order !== undefined && !orders.includes(order)) {
      throw invalid(inside, `its "order" is ascending, descending or ignore, got ${quote(order)}`)
    }
    return {
      name,
      aliases: aliasesOf(declaration, inside),
      doc: textOf(declaration['doc']),
      type: this.parse(fieldType(declaration), namespace, inside),
      order: textOf(order),
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
      if (!isSimpleName(symbol)) {
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
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > MAX_FIXED_SIZE) {
      throw invalid(`fixed ${names.name}`, `"size" must be a number of bytes below 2 GiB, got ${quote(size)}`)
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
    const before = known.declaration ?? definitionOf(known.node)
    if (before === declaration || isDeepEqual(before, declaration)) return known.node
    throw declaredTwice(where, node.name)
  }

  /** Notes the named types of a codec's schema. Codecs that share another have the very same node for it. */
  #adopt(node: SchemaNode, where: string): void {
    if ('name' in node) {
      const known = this.#named.get(node.name)
      if (known?.node === node) return
      if (!known) this.#named.set(node.name, { node })
      else if (!isDeepEqual(definitionOf(known.node), definitionOf(node)))
        throw declaredTwice(where, node.name)
      // Equal, but of another codec, which may have other options: each place keeps its own.
      else return
    }
    if (node.kind === 'array') this.#adopt(node.items, where)
    if (node.kind === 'map') this.#adopt(node.values, where)
    if (node.kind === 'union') for (const branch of node.branches) this.#adopt(branch, where)
    if (node.kind === 'record') for (const { type } of node.fields) this.#adopt(type, where)
  }
}

function declaredTwice(where: string, name: string): Error {
  return invalid(where, `"${name}" is declared twice, differently: rename one, or refer to the first`)
}
