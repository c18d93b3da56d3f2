import type { Json } from '../contracts/contract.js'
import { type Described, joined, type Piece, type Row, type Tables, textOf, within } from './table.js'

/** Keywords that limit values, as they stand in the schema. */
const rules = [
  'format',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
]

/** A JSON Schema as tables of properties, one for each object that names its properties. */
export function jsonSchemaTables(definition: unknown, tables: Tables): Described {
  const types = new JsonTypes(definition, tables)
  const type = types.type(definition, textOf((Object(definition) as Json)['title']) ?? 'payload')
  const isTable = type.length === 1 && typeof type[0] === 'object'
  return { type, doc: isTable ? undefined : textOf((Object(definition) as Json)['description']) }
}

class JsonTypes {
  readonly #root: unknown
  readonly #tables: Tables
  readonly #under = new Set<unknown>()

  constructor(root: unknown, tables: Tables) {
    this.#root = root
    this.#tables = tables
  }

  /** `name` is what an object is called that has no title: the path to it. */
  type(schema: unknown, name: string): readonly Piece[] {
    if (schema === true || schema === undefined) return ['any']
    if (schema === false) return ['nothing']
    const declared = Object(schema) as Json
    if (typeof declared['$ref'] === 'string') return this.#reference(declared['$ref'])
    if ('const' in declared) return [JSON.stringify(declared['const'])]
    if (Array.isArray(declared['enum']))
      return [declared['enum'].map(each => JSON.stringify(each)).join(' | ')]
    for (const [keyword, between] of [
      ['anyOf', ' | '],
      ['oneOf', ' | '],
      ['allOf', ' & '],
    ] as const) {
      const branches = declared[keyword]
      if (Array.isArray(branches) && declared['properties'] === undefined) {
        return joined(
          branches.map((branch, index) => this.type(branch, `${name}-${index + 1}`)),
          between,
        )
      }
    }
    const type = declared['type'] ?? (declared['properties'] ? 'object' : 'any')
    const kinds: readonly unknown[] = Array.isArray(type) ? type : [type]
    return joined(
      kinds.map(kind => this.#ofKind(String(kind), declared, name)),
      ' | ',
    )
  }

  #ofKind(kind: string, declared: Json, name: string): readonly Piece[] {
    if (kind === 'array') {
      const items = declared['prefixItems'] ?? declared['items']
      if (!Array.isArray(items)) return ['array of ', ...within(this.type(items, `${name}[]`))]
      const each = items.map((item, index) => this.type(item, `${name}[${index}]`))
      return ['[', ...joined(each, ', '), ']']
    }
    if (kind !== 'object') return [kind]
    const { properties, additionalProperties: others } = declared
    if (properties === undefined && typeof others === 'object')
      return ['map of ', ...within(this.type(others, name))]
    if (properties === undefined) return ['object']
    const title = textOf(declared['title']) ?? name
    return this.#tables.add(declared, title, textOf(declared['description']), () =>
      this.#rows(declared, name),
    )
  }

  #rows(declared: Json, name: string): readonly Row[] {
    const required = Array.isArray(declared['required']) ? (declared['required'] as readonly unknown[]) : []
    const rows = Object.entries(Object(declared['properties']) as Json).map(([property, schema]): Row => {
      const own = Object(schema) as Json
      return {
        name: property,
        type: this.type(schema, name === 'payload' ? property : `${name}.${property}`),
        default: 'default' in own ? JSON.stringify(own['default']) : undefined,
        isOptional: !required.includes(property),
        doc: docOf(own),
      }
    })
    const { additionalProperties: others } = declared
    if (typeof others !== 'object' || others === null) return rows
    const type = this.type(others, `${name}.*`)
    return [
      ...rows,
      { name: 'any other', type, default: undefined, isOptional: true, doc: docOf(others as Json) },
    ]
  }

  /** Where it leads within the schema; a schema that it leads back to has its table already. */
  #reference(reference: string): readonly Piece[] {
    let target: unknown = this.#root
    const path = reference.startsWith('#') ? reference.slice(1).split('/').slice(1) : undefined
    for (const part of path ?? []) {
      const key = decode(part)
      target = Object.hasOwn(Object(target) as object, key) ? (target as Json)[key] : undefined
    }
    const name = path?.at(-1) ?? 'payload'
    if (path === undefined || target === undefined) return [reference]
    const known = this.#tables.linkTo(target)
    if (known) return [known]
    // A circle without an object in it, such as a list of lists of itself, has no table to end at.
    if (this.#under.has(target)) return [decode(name)]
    this.#under.add(target)
    try {
      return this.type(target, decode(name))
    } finally {
      this.#under.delete(target)
    }
  }
}

/** A part of a JSON pointer in a URI (RFC 6901, section 6). */
function decode(part: string): string {
  let text = part
  try {
    text = decodeURIComponent(part)
  } catch {
    // A lone % stands for itself.
  }
  return text.replaceAll('~1', '/').replaceAll('~0', '~')
}

function docOf(schema: Json): string | undefined {
  const limits = rules.filter(rule => rule in schema).map(rule => `${rule}: ${String(schema[rule])}`)
  const parts = [textOf(schema['description']), limits.length > 0 ? `(${limits.join(', ')})` : undefined]
  return textOf(parts.filter(part => part !== undefined).join(' '))
}
