import type { Shape } from './shape.js'

const largestLong = 2n ** 63n - 1n

/**
 * Whether a raw value (after conversion) is one of a shape. What is inside of arrays, maps, records and unions is not
 * looked at: for unions this says which branch is meant.
 */
export function isRaw(shape: Shape, value: unknown): boolean {
  switch (shape.kind) {
    case 'null':
      return value === null
    case 'boolean':
      return typeof value === 'boolean'
    case 'int':
      return Number.isInteger(value) && value === ((value as number) | 0)
    case 'long':
      return shape.isBigInt ? isLong(value) : Number.isSafeInteger(value)
    case 'float':
      return isFloat(value)
    case 'double':
      return typeof value === 'number'
    case 'string':
      return isText(value)
    case 'bytes':
      return value instanceof Uint8Array
    case 'fixed':
      return value instanceof Uint8Array && value.length === shape.size
    case 'enum':
      return shape.indexes.has(value)
    case 'array':
      return Array.isArray(value)
    case 'map':
    case 'record':
      return isObject(value)
    case 'union':
      return shape.isWrapped ? wrappedBranch(shape.branches, value) !== undefined : true
  }
}

export function isLong(value: unknown): value is bigint {
  return typeof value === 'bigint' && value <= largestLong && value >= -largestLong - 1n
}

/** Whether a float holds a number, rounded to its precision. It has infinities and NaN. */
export function isFloat(value: unknown): value is number {
  return typeof value === 'number' && (!Number.isFinite(value) || Number.isFinite(Math.fround(value)))
}

/** Avro's strings are UTF-8, which has no unpaired surrogates. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed()
}

/** Whether a value has named fields: what JavaScript calls an object, too, but keeps its content elsewhere, does not. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  return !(
    Array.isArray(value) ||
    ArrayBuffer.isView(value) ||
    value instanceof ArrayBuffer ||
    value instanceof Date ||
    value instanceof Map ||
    value instanceof Set ||
    value instanceof Promise
  )
}

/** The branch that a value of a wrapped union names, and the value in it. */
export function wrappedBranch(
  branches: readonly Shape[],
  value: unknown,
): { readonly index: number; readonly value: unknown } | undefined {
  if (value === null) {
    const index = branches.findIndex(({ kind }) => kind === 'null')
    return index < 0 ? undefined : { index, value }
  }
  if (!isObject(value)) return undefined
  const keys = Object.keys(value)
  const [key] = keys
  if (key === undefined || keys.length !== 1) return undefined
  const index = branches.findIndex(({ kind, name }) => kind !== 'null' && name === key)
  return index < 0 ? undefined : { index, value: value[key] }
}

/** The kind of a value, for messages: they must not hold the value itself. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : 'Date'
  if (value instanceof Map) return 'Map'
  if (value instanceof Set) return 'Set'
  if (value instanceof Promise) return 'Promise'
  if (typeof value === 'string')
    return value.isWellFormed() ? 'string' : 'a string with an unpaired surrogate'
  if (typeof value !== 'number') return typeof value
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return 'infinity'
  if (!Number.isInteger(value)) return 'a number with a fraction'
  return Number.isSafeInteger(value) ? 'number' : 'a number beyond 2^53'
}

/** What a shape takes, for messages. */
export function expectedOf(shape: Shape): string {
  if (shape.conversion) return shape.conversion.expected
  switch (shape.kind) {
    case 'int':
      return 'int (a whole number of 32 bits)'
    case 'long':
      return shape.isBigInt ? 'long (a bigint of 64 bits)' : 'long (a whole number within 2^53)'
    case 'fixed':
      return `${shape.name} (${shape.size} bytes)`
    case 'bytes':
      return 'bytes (a Uint8Array)'
    case 'enum':
      return shape.symbols.length > 8
        ? `one of the ${shape.symbols.length} symbols of ${shape.name}`
        : `${shape.name} (${shape.symbols.join(', ')})`
    case 'union':
      if (!shape.isWrapped) return shape.branches.map(expectedOf).join(' or ')
      return shape.branches
        .map(({ kind, name }) => (kind === 'null' ? 'null' : `{ "${name}": … }`))
        .join(' or ')
    case 'null':
    case 'boolean':
    case 'float':
    case 'double':
    case 'string':
    case 'array':
    case 'map':
    case 'record':
      return shape.name
  }
}
