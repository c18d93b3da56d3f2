import { BusbarError, reasonOf } from '../error.js'
import { isRaw } from './raw-values.js'
import type { FieldShape, RecordShape, Shape } from './shape.js'

/**
 * The payload that a default stands for (Avro 1.12, "Schema Declaration": defaults are JSON, of bytes and fixed text of
 * which each character is a byte; that of a union is one of its first branch). New at each call: a handler may change it.
 *
 * Throws if it is none of that shape, saying what it should be.
 */
export function defaultValue(shape: Shape, json: unknown): unknown {
  const raw = rawOf(shape, json)
  if (!isRaw({ ...shape, conversion: undefined }, raw)) throw new Error(`it is no ${shape.name}`)
  if (!shape.conversion) return raw
  try {
    return shape.conversion.fromAvro(raw)
  } catch (error) {
    throw new Error(`it is no ${shape.conversion.expected}: ${reasonOf(error)}`, { cause: error })
  }
}

/** @throws BusbarError `SCHEMA_INVALID` for the first default in a shape that is none. */
export function checkDefaults(shape: Shape, seen = new Set<Shape>()): void {
  if (seen.has(shape)) return
  seen.add(shape)
  if (shape.kind === 'array') checkDefaults(shape.items, seen)
  if (shape.kind === 'map') checkDefaults(shape.values, seen)
  if (shape.kind === 'union') for (const branch of shape.branches) checkDefaults(branch, seen)
  if (shape.kind !== 'record') return
  for (const field of shape.fields) {
    checkDefault(shape, field)
    checkDefaults(field.shape, seen)
  }
}

function checkDefault(record: RecordShape, { name, shape, default: given }: FieldShape): void {
  if (!given) return
  try {
    defaultValue(shape, given.json)
  } catch (error) {
    const hint = shape.kind === 'union' ? "; that of a union is one of its first branch's" : ''
    throw new BusbarError(
      'SCHEMA_INVALID',
      `this Avro schema is not valid: the default of field ${name} of record ${record.name}: ${reasonOf(error)}${hint}`,
    )
  }
}

function rawOf(shape: Shape, json: unknown): unknown {
  switch (shape.kind) {
    case 'long':
      return shape.isBigInt && Number.isSafeInteger(json) ? BigInt(json as number) : json
    case 'bytes':
    case 'fixed':
      return typeof json === 'string' ? bytesOf(json) : json
    case 'array':
      return Array.isArray(json) ? json.map(item => defaultValue(shape.items, item)) : json
    case 'map':
      return isJsonObject(json) ? copied(json, (_, value) => defaultValue(shape.values, value)) : json
    case 'union': {
      const [first] = shape.branches
      if (!first) throw new Error('its union has no branches')
      const value = defaultValue(first, json)
      return shape.isWrapped && first.kind !== 'null' ? { [first.name]: value } : value
    }
    case 'record':
      return isJsonObject(json) ? recordOf(shape, json) : json
    case 'null':
    case 'boolean':
    case 'int':
    case 'float':
    case 'double':
    case 'string':
    case 'enum':
      return json
  }
}

/** The bytes of a text; the text itself where a character is none. */
function bytesOf(text: string): unknown {
  const bytes = Buffer.from(text, 'latin1')
  return bytes.toString('latin1') === text ? new Uint8Array(bytes) : text
}

function recordOf(shape: RecordShape, json: Readonly<Record<string, unknown>>): object {
  const entries = shape.fields.map(field => {
    if (Object.hasOwn(json, field.name)) return [field.name, within(field, json[field.name])]
    if (field.default) return [field.name, defaultValue(field.shape, field.default.json)]
    throw new Error(`it has no "${field.name}"`)
  })
  return Object.fromEntries(entries) as object
}

function within(field: FieldShape, json: unknown): unknown {
  try {
    return defaultValue(field.shape, json)
  } catch (error) {
    throw new Error(`its "${field.name}": ${reasonOf(error)}`, { cause: error })
  }
}

function copied(
  json: Readonly<Record<string, unknown>>,
  of: (key: string, value: unknown) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, of(key, value)]))
}

function isJsonObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}
