import type { Json } from '../contracts/contract.js'
import {
  type Described,
  joined,
  type Piece,
  type Row,
  shortName,
  type Tables,
  textOf,
  within,
} from './table.js'

/** An Avro schema as tables of fields, one for each record. */
export function avroTables(definition: unknown, tables: Tables): Described {
  const type = new AvroTypes(tables).type(definition, '')
  return { type, doc: undefined }
}

class AvroTypes {
  readonly #tables: Tables
  readonly #named = new Map<string, readonly Piece[]>()

  constructor(tables: Tables) {
    this.#tables = tables
  }

  /** `namespace` is that of the enclosing definition, which names without one are in. */
  type(definition: unknown, namespace: string): readonly Piece[] {
    if (typeof definition === 'string') {
      return this.#named.get(fullName(definition, namespace)) ?? [definition]
    }
    if (Array.isArray(definition)) {
      return joined(
        definition.map(branch => this.type(branch, namespace)),
        ' | ',
      )
    }
    const declared = Object(definition) as Json
    return [...this.#declared(declared, namespace), ...logicalType(declared)]
  }

  #declared(declared: Json, namespace: string): readonly Piece[] {
    switch (declared['type']) {
      case 'record':
      case 'error':
        return this.#record(declared, namespace)
      case 'array':
        return ['array of ', ...within(this.type(declared['items'], namespace))]
      case 'map':
        return ['map of ', ...within(this.type(declared['values'], namespace))]
      case 'enum':
        this.#name(declared, namespace, shortName(nameOf(declared)))
        return [`${shortName(nameOf(declared))}: ${listOf(declared['symbols']).map(String).join(' | ')}`]
      case 'fixed':
        this.#name(declared, namespace, shortName(nameOf(declared)))
        return [`${shortName(nameOf(declared))}: ${String(declared['size'])} bytes`]
      default:
        return this.type(declared['type'] ?? 'unknown', namespace)
    }
  }

  #record(declared: Json, enclosing: string): readonly Piece[] {
    const namespace = namespaceOf(declared, enclosing)
    return this.#tables.add(declared, nameOf(declared), textOf(declared['doc']), self => {
      // Before its fields: they may refer to it.
      this.#name(declared, enclosing, self)
      return listOf(declared['fields']).map(field => this.#row(Object(field) as Json, namespace))
    })
  }

  #row(field: Json, namespace: string): Row {
    return {
      name: String(field['name']),
      type: this.type(field['type'], namespace),
      default: 'default' in field ? JSON.stringify(field['default']) : undefined,
      isOptional: false,
      doc: textOf(field['doc']),
    }
  }

  #name(declared: Json, enclosing: string, reference: Piece): void {
    this.#named.set(fullName(nameOf(declared), namespaceOf(declared, enclosing)), [reference])
  }
}

function logicalType({ type, logicalType: name, precision, scale = 0 }: Json): readonly Piece[] {
  if (typeof name !== 'string' || typeof type !== 'string') return []
  const isDecimal = typeof precision === 'number' && typeof scale === 'number'
  return [` (${name}${isDecimal ? `, ${precision} digits, ${scale} of them decimals` : ''})`]
}

function nameOf({ name }: Json): string {
  return String(name)
}

function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

function namespaceOf({ name, namespace }: Json, enclosing: string): string {
  const [, fromName] = /^(.+)\.[^.]+$/.exec(String(name)) ?? []
  return fromName ?? (typeof namespace === 'string' ? namespace : enclosing)
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
