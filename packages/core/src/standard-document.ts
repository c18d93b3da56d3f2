import type { SchemaDocument } from './schema-registry.js'

/**
 * The Standard JSON Schema interface (version 1, standardschema.dev): what zod from 4.2 and arktype offer beside their
 * validation, and valibot through `toStandardJsonSchema`.
 */
interface StandardJsonSchema {
  readonly jsonSchema?: { readonly input?: (options: { readonly target: string }) => unknown }
}

/** In this order: what AsyncAPI and most tools read comes first. */
const targets = ['draft-07', 'draft-2020-12'] as const

/**
 * The JSON Schema of what a publisher gives, which is what is on the wire, from a library that can tell it. Undefined where
 * it cannot, as for types that JSON Schema has no word for.
 */
export function standardDocument(standard: object): SchemaDocument | undefined {
  const { jsonSchema } = standard as StandardJsonSchema
  if (typeof jsonSchema?.input !== 'function') return undefined
  for (const target of targets) {
    try {
      // Through text, since libraries attach what is no data (zod: its own `~standard`).
      const definition: unknown = JSON.parse(JSON.stringify(jsonSchema.input({ target })))
      return jsonDocument(definition)
    } catch {
      // Libraries throw for a target as for a type that they do not support; a schema that validates stays usable.
    }
  }
  return undefined
}

/** The document of a JSON Schema; its `title` is the name of what it describes. */
export function jsonDocument(definition: unknown): SchemaDocument | undefined {
  if (typeof definition !== 'object' || definition === null || Array.isArray(definition)) return undefined
  const { title } = definition as { readonly title?: unknown }
  return {
    format: 'json-schema',
    definition,
    ...(typeof title === 'string' && title !== '' ? { recordName: title } : {}),
  }
}
