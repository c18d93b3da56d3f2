// biome-ignore lint/style/noRestrictedImports: a hash is neither time nor randomness.
import { createHash } from 'node:crypto'
import { BoundedMap } from './bounded-map.js'
import type { SchemaNode } from './schema/schema-node.js'
import { canonicalForm } from './schema/schema-text.js'

/** What the `ce_dataschema` of a record begins with that names its writer's schema by fingerprint. */
export const fingerprintPrefix = 'urn:avro:sha256:'

/** The `ce_dataschema` of what a schema writes: SHA-256 over its Parsing Canonical Form (Avro 1.12, "Schema Fingerprints"). */
export function fingerprintOf(schema: SchemaNode): string {
  return fingerprintPrefix + createHash('sha256').update(canonicalForm(schema)).digest('hex')
}

/** Far more than a program has codecs, so that one that makes them all the time keeps its memory. */
const mostSchemas = 10_000

/** The schemas of all codecs that this process made, by fingerprint. */
export const knownSchemas = new BoundedMap<string, SchemaNode>(mostSchemas)
