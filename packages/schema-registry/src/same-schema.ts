import { canonicalForm, parseSchema } from '@busbar/core/avro'

/** A schema, and those that it refers to, each after those that it needs. */
interface CompleteSchema {
  readonly type: string
  readonly text: string
  readonly references: readonly string[]
}

/**
 * A text that is equal for two schemas whose records have equal bytes, so that either's id may stand before them: for
 * Avro the Parsing Canonical Form (Avro 1.12), which leaves out docs, defaults and logical types; for others the
 * schema itself, whatever the order of its properties. Undefined for a schema that can't be read.
 */
export function writtenForm({ type, text, references }: CompleteSchema): string | undefined {
  try {
    const definition: unknown = JSON.parse(text)
    if (type !== 'AVRO') return JSON.stringify([definition, references], sorted)
    const needed = references.map(reference => JSON.parse(reference) as unknown)
    return canonicalForm(parseSchema(definition, needed))
  } catch {
    return undefined
  }
}

function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
