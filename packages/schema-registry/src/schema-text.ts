import { BusbarError, type SchemaDocument } from '@busbar/core'
import type { SchemaText } from './protocol.js'
import type { RegistrySchema } from './registry-client.js'

const types: Readonly<Record<SchemaDocument['format'], string>> = { avro: 'AVRO', 'json-schema': 'JSON' }

/** Every schema is written out once: they are large, and the same objects come again with every question. */
const texts = new WeakMap<RegistrySchema, SchemaText>()

/** A schema as registries take it. @throws BusbarError `SCHEMA_INVALID` for one that is no JSON or of an unknown format. */
export function textOf(schema: RegistrySchema): SchemaText {
  const known = texts.get(schema)
  if (known) return known
  const type = types[schema.format]
  const json = JSON.stringify(schema.definition) as string | undefined
  if (type === undefined || json === undefined) {
    throw new BusbarError(
      'SCHEMA_INVALID',
      'a schema for a registry has a format, avro or json-schema, and a definition',
    )
  }
  const text = { type, text: json, references: schema.references ?? [] }
  texts.set(schema, text)
  return text
}
