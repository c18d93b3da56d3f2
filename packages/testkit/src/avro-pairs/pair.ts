/** Two versions of a schema and whether each reads what was written with the other, by Avro's specification. */
export interface SchemaPair {
  readonly name: string
  readonly older: unknown
  readonly newer: unknown
  /** Whether the newer reads records of the older. */
  readonly backward: boolean
  /** Whether the older reads records of the newer. */
  readonly forward: boolean
  /** Where another implementation says otherwise, and why. */
  readonly deviations?: readonly Deviation[]
}

/** An implementation that does not say what the specification does. */
export interface Deviation {
  /** `java`: Avro's `SchemaCompatibility`. `registry`: Apicurio Registry 3.0.9. */
  readonly by: 'java' | 'registry'
  readonly direction: 'backward' | 'forward'
  /** Its verdict, or that it gives none. */
  readonly says: boolean | 'error'
  readonly why: string
}

/** Versions of a schema, oldest first, of which each may follow the one before by BACKWARD; and one to come. */
export interface SchemaHistory {
  readonly name: string
  readonly versions: readonly unknown[]
  readonly newer: unknown
  /** The modes that allow the one to come. */
  readonly allowedBy: readonly string[]
}

type Json = Readonly<Record<string, unknown>>

export const record = (name: string, fields: readonly Json[] = [], more: Json = {}): Json => ({
  type: 'record',
  name,
  ...more,
  fields,
})
export const field = (name: string, type: unknown, more: Json = {}): Json => ({ name, type, ...more })
export const fixed = (name: string, size: number, more: Json = {}): Json => ({
  type: 'fixed',
  name,
  size,
  ...more,
})
export const enumOf = (name: string, symbols: readonly string[], more: Json = {}): Json => ({
  type: 'enum',
  name,
  symbols,
  ...more,
})
export const array = (items: unknown): Json => ({ type: 'array', items })
export const map = (values: unknown): Json => ({ type: 'map', values })

/** A record with one field, since most versions of schemas are records. */
export const holding = (type: unknown, more: Json = {}): Json =>
  record('Holder', [field('value', type, more)])

export const pair = (
  name: string,
  older: unknown,
  newer: unknown,
  [backward, forward]: readonly [boolean, boolean],
  ...deviations: readonly Deviation[]
): SchemaPair => ({ name, older, newer, backward, forward, ...(deviations.length > 0 ? { deviations } : {}) })

export const BOTH = [true, true] as const
export const BACKWARD = [true, false] as const
export const FORWARD = [false, true] as const
export const NEITHER = [false, false] as const
