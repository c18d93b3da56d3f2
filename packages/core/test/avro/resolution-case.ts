import type { BusbarErrorCode } from '@busbar/core'
import type { AvroSchema } from '@busbar/core/avro'

export interface AvroField {
  readonly name: string
  readonly type: AvroSchema
  readonly default?: unknown
  readonly aliases?: readonly string[]
}

/** What becomes of one value that was written with one schema and is read with another. */
export interface Direction {
  readonly value: unknown
  readonly gives?: unknown
  readonly fails?: BusbarErrorCode
  /** Why Avro's Java library does otherwise. */
  readonly javaDiffers?: string
}

/** Two schemas: `there` is written with the first and read with the second, `back` the other way round. */
export interface ResolutionCase {
  readonly name: string
  readonly one: AvroSchema
  readonly other: AvroSchema
  readonly there: Direction
  readonly back: Direction
}

export const incompatible = (value: unknown): Direction => ({ value, fails: 'SCHEMA_INCOMPATIBLE' })
export const same = (value: unknown): Direction => ({ value, gives: value })
export const to = (value: unknown, gives: unknown): Direction => ({ value, gives })
export const record = (...fields: readonly AvroField[]): AvroSchema => ({ type: 'record', name: 'R', fields })
export const field = (name: string, type: AvroSchema, more: Partial<AvroField> = {}): AvroField => ({
  name,
  type,
  ...more,
})
export const colors = (symbols: readonly string[], more: object = {}): AvroSchema => ({
  type: 'enum',
  name: 'Color',
  symbols,
  ...more,
})
export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
export const x = field('x', 'int')

export function promotion(one: string, other: string, there: Direction, back: Direction): ResolutionCase {
  return { name: `${one} and ${other}`, one, other, there, back }
}

/** A field that only one of two schemas has, with a default. */
export function added(
  name: string,
  type: AvroSchema,
  json: unknown,
  value: unknown,
  gives = json,
): ResolutionCase {
  const other = record(x, field('added', type, { default: json }))
  return {
    name: `a default: ${name}`,
    one: record(x),
    other,
    there: to({ x: 1 }, { x: 1, added: gives }),
    back: to({ x: 1, added: value }, { x: 1 }),
  }
}
