import { invalidSchema } from './invalid-schema.js'
import { nameOf, type RecordNode, type SchemaNode } from './schema-node.js'

/**
 * Checks the defaults of all fields against their types (Avro 1.12, "Complex Types", "Records"). Not a part of parsing:
 * a schema that others have registered must stay readable, and old tools did not check.
 *
 * @throws BusbarError `SCHEMA_INVALID` naming the first field whose default is none.
 */
export function checkSchemaDefaults(schema: SchemaNode): void {
  for (const record of recordsIn(schema)) {
    for (const field of record.fields) {
      if (!('default' in field)) continue
      const problem = defaultProblem(field.type, field.default)
      if (problem !== undefined) {
        throw invalidSchema(`field ${field.name} of record ${record.name}`, `its default ${problem}`)
      }
    }
  }
}

/** Why a value is no default of a type; undefined if it is one. Says what is wrong, never the value. */
function defaultProblem(type: SchemaNode, value: unknown): string | undefined {
  switch (type.kind) {
    case 'null':
      return value === null ? undefined : expected('null', value)
    case 'boolean':
    case 'string':
      return typeof value === type.kind ? undefined : expected(`a ${type.kind}`, value)
    case 'int':
      return isWithin(value, 2 ** 31) ? undefined : expected('an integer of 32 bits', value)
    case 'long':
      return isWithin(value, 2 ** 63) ? undefined : expected('an integer of 64 bits', value)
    case 'float':
    case 'double':
      return typeof value === 'number' ? undefined : expected('a number', value)
    case 'bytes':
      return isBytes(value) ? undefined : expected('a text of code points up to 255', value)
    case 'fixed':
      if (isBytes(value) && value.length === type.size) return undefined
      return expected(`a text of ${type.size} code points up to 255`, value)
    case 'enum':
      if (type.symbols.includes(value as string)) return undefined
      return typeof value === 'string' ? `is no symbol of enum ${type.name}` : expected('a symbol', value)
    case 'array':
      if (!Array.isArray(value)) return expected('an array', value)
      return first(value.map((item, index) => [`[${index}]`, type.items, item]))
    case 'map':
      if (!isObject(value)) return expected('an object', value)
      return first(
        Object.entries(value).map(([key, item]) => [`[${JSON.stringify(key)}]`, type.values, item]),
      )
    case 'record':
      return isObject(value) ? recordProblem(type, value) : expected('an object', value)
    case 'union':
      if (type.branches.some(branch => defaultProblem(branch, value) === undefined)) return undefined
      return `is of no branch of its union (${type.branches.map(nameOf).join(', ')})`
  }
}

function recordProblem(type: RecordNode, value: Readonly<Record<string, unknown>>): string | undefined {
  const parts: [string, SchemaNode, unknown][] = []
  for (const field of type.fields) {
    if (Object.hasOwn(value, field.name)) parts.push([`.${field.name}`, field.type, value[field.name]])
    else if (!('default' in field)) return `lacks the field ${field.name} of record ${type.name}`
  }
  return first(parts)
}

/** The problem of the first part that has one, with its place in the default. */
function first(parts: readonly (readonly [string, SchemaNode, unknown])[]): string | undefined {
  for (const [place, type, value] of parts) {
    const problem = defaultProblem(type, value)
    if (problem !== undefined) return `${problem} (at ${place})`
  }
  return undefined
}

function expected(what: string, value: unknown): string {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : `of type ${typeof value}`
  return `must be ${what}, and is ${kind}`
}

function isWithin(value: unknown, bound: number): boolean {
  return Number.isInteger(value) && (value as number) >= -bound && (value as number) < bound
}

function isBytes(value: unknown): value is string {
  return typeof value === 'string' && !/[\u0100-\uffff]/.test(value)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** All records of a schema, each once. */
function recordsIn(schema: SchemaNode, seen = new Set<RecordNode>()): ReadonlySet<RecordNode> {
  if (schema.kind === 'record') {
    if (seen.has(schema)) return seen
    seen.add(schema)
    for (const field of schema.fields) recordsIn(field.type, seen)
  }
  if (schema.kind === 'array') recordsIn(schema.items, seen)
  if (schema.kind === 'map') recordsIn(schema.values, seen)
  if (schema.kind === 'union') for (const branch of schema.branches) recordsIn(branch, seen)
  return seen
}
