import { namespaceOf } from './declared-names.js'
import { isPrimitiveNode, type SchemaNode } from './schema-node.js'

type Json = Record<string, unknown>

/**
 * The definition of a parsed schema as plain JSON: each named type is declared at its first use and referred to by its
 * full name after that.
 */
export function definitionOf(node: SchemaNode): unknown {
  return new Writer(false).write(node, '')
}

/**
 * The Parsing Canonical Form (Avro 1.12): equal for two schemas exactly when their bytes are read alike. It leaves out
 * what does not matter for that: docs, aliases, defaults, logical types.
 */
export function canonicalForm(node: SchemaNode): string {
  return JSON.stringify(new Writer(true).write(node, ''))
}

class Writer {
  readonly #canonical: boolean
  readonly #declared = new Set<string>()

  constructor(canonical: boolean) {
    this.#canonical = canonical
  }

  /** `namespace` is that of the enclosing definition. */
  write(node: SchemaNode, namespace: string): unknown {
    if (node.kind === 'union') return node.branches.map(branch => this.write(branch, namespace))
    if ('name' in node) {
      if (this.#declared.has(node.name)) return node.name
      this.#declared.add(node.name)
    }
    const rest = this.#canonical ? {} : this.#rest(node, namespace)
    if (isPrimitiveNode(node)) return Object.keys(rest).length > 0 ? { type: node.kind, ...rest } : node.kind
    switch (node.kind) {
      case 'array':
        return { type: 'array', items: this.write(node.items, namespace), ...rest }
      case 'map':
        return { type: 'map', values: this.write(node.values, namespace), ...rest }
      case 'fixed':
        return { name: node.name, type: 'fixed', size: node.size, ...rest }
      case 'enum':
        return { name: node.name, type: 'enum', symbols: node.symbols, ...rest }
      case 'record':
        return { name: node.name, type: 'record', ...rest, fields: this.#fields(node) }
    }
  }

  #fields(node: Extract<SchemaNode, { kind: 'record' }>): readonly Json[] {
    return node.fields.map(field => {
      const written: Json = { name: field.name, type: this.write(field.type, namespaceOf(node.name)) }
      if (this.#canonical) return written
      if ('default' in field) written['default'] = field.default
      if (field.aliases.length > 0) written['aliases'] = field.aliases
      if (field.doc !== undefined) written['doc'] = field.doc
      if (field.order !== undefined) written['order'] = field.order
      return written
    })
  }

  /** What the canonical form leaves out. */
  #rest(node: SchemaNode, namespace: string): Json {
    const rest: Json = {}
    // Else a type without namespace would get that of the definition around it.
    if ('name' in node && namespace !== '' && !node.name.includes('.')) rest['namespace'] = ''
    if (node.logicalType)
      Object.assign(rest, { logicalType: node.logicalType.name }, node.logicalType.attributes)
    if ('doc' in node && node.doc !== undefined) rest['doc'] = node.doc
    if ('aliases' in node && node.aliases.length > 0) rest['aliases'] = node.aliases.map(absolute(node.name))
    if (node.kind === 'enum' && node.default !== undefined) rest['default'] = node.default
    return rest
  }
}

/** How an alias is written in a type: a dot before one without namespace, which else got that of the type. */
function absolute(name: string): (alias: string) => string {
  return alias => (name.includes('.') && !alias.includes('.') ? `.${alias}` : alias)
}
