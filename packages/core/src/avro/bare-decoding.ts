import { BusbarError } from '../error.js'
import { BoundedMap } from './bounded-map.js'
import { fingerprintOf, fingerprintPrefix, knownSchemas } from './fingerprint.js'
import { Decoder } from './read/decoder.js'
import { parseSchema } from './schema/parse-schema.js'
import type { SchemaNode } from './schema/schema-node.js'
import type { Shape } from './shape.js'
import type { AvroSchema } from './types/avro-schema.js'

/** How many schemas of others a codec keeps ready to read with. */
const mostDecoders = 1_000

/** A reader without a registry, and the schemas that it knows. */
interface BareReader {
  readonly node: SchemaNode
  readonly shape: Shape
  readonly dataSchema: string
  readonly knownWriters: readonly AvroSchema[]
}

/** Decodes Avro binary whose header `ce_dataschema` names the writer's schema by its fingerprint. */
export function bareDecoding(reader: BareReader): (bytes: Uint8Array, dataSchema?: string) => unknown {
  const { node, shape } = reader
  const decoders = new BoundedMap<string, Decoder>(mostDecoders)
  const writers = new Map<string, SchemaNode>()
  for (const schema of reader.knownWriters) {
    const writer = parseSchema(schema)
    writers.set(fingerprintOf(writer), writer)
  }
  const decoderOf = (dataSchema: string): Decoder => {
    // Fingerprints leave out logical types: by its own, a record is taken for what this very schema says.
    const writer =
      dataSchema === reader.dataSchema ? node : (writers.get(dataSchema) ?? knownSchemas.get(dataSchema))
    if (!writer) throw unknownWriter(dataSchema, shape.name)
    const decoder = new Decoder(writer, shape, `schema ${dataSchema}`)
    decoders.set(dataSchema, decoder)
    return decoder
  }
  return (bytes, dataSchema) => {
    if (!dataSchema?.startsWith(fingerprintPrefix)) throw noFingerprint(bytes, dataSchema, shape.name)
    return (decoders.get(dataSchema) ?? decoderOf(dataSchema)).decode(bytes, 0)
  }
}

function unknownWriter(dataSchema: string, name: string): BusbarError {
  return new BusbarError(
    'SCHEMA_UNKNOWN',
    `cannot read this value as ${name}: it was written with schema ${dataSchema}, which this process does not know. ` +
      'Give avro() that schema in the option knownWriters, or give the buses on both sides a schema registry',
  )
}

function noFingerprint(bytes: Uint8Array, dataSchema: string | undefined, name: string): BusbarError {
  const found = dataSchema === undefined ? 'there is none' : 'it names something else'
  const hint =
    bytes[0] === 0
      ? 'If it is in the Confluent wire format, give createBus() the registry that has its schema'
      : 'Bytes alone do not say what they hold: let the producer set it, or use a schema registry'
  return new BusbarError(
    'DECODE_FAILED',
    `cannot read this value as ${name}: the header ce_dataschema should be ${fingerprintPrefix} and the fingerprint of ` +
      `the schema that it was written with, and ${found}. ${hint}`,
  )
}
