import type { SchemaDocument } from '../schema-registry.js'
import type { AvroFunction } from './avro-function.js'
import { bareDecoding } from './bare-decoding.js'
import { checkDefaults } from './default-value.js'
import { fingerprintOf, knownSchemas } from './fingerprint.js'
import type { AvroOptions } from './options.js'
import { registeredCodec } from './registered-codec.js'
import { codecNodes } from './schema/codec-nodes.js'
import { parseSchema } from './schema/parse-schema.js'
import type { SchemaNode } from './schema/schema-node.js'
import { definitionOf } from './schema/schema-text.js'
import { shapeOf } from './shape.js'
import type { AvroCodec } from './types/avro-schema.js'
import { Encoder } from './write/encoder.js'

/** What the codec of each schema was made with: it keeps that where it stands for a schema inside of others, however deep. */
const optionsOf = new WeakMap<SchemaNode, AvroOptions>()

/**
 * A codec for an Avro schema (Avro 1.12), which gives payloads their type.
 *
 * With a registry on the bus, values are in the Confluent wire format. Without one they are bare Avro binary, and the
 * header `ce_dataschema` names the writer's schema by its fingerprint, which readers look for among all codecs of their
 * process and `options.knownWriters`. Either way a record is read by schema resolution, from what wrote it to this schema.
 *
 * Publishing: fields with a default may be left out. Properties that the schema does not declare are not written, and
 * are no error: for TypeScript, too, an object with more properties is one of the type, and a spread has them easily.
 *
 * @throws BusbarError `SCHEMA_INVALID` for a schema that Avro does not allow, naming the place.
 */
export const avro = ((schema: unknown, options: AvroOptions = {}) => {
  const node = parseSchema(schema)
  const shape = shapeOf(node, options, inner => optionsOf.get(inner))
  checkDefaults(shape)
  const encoder = new Encoder(shape)
  const dataSchema = fingerprintOf(node)
  const decode = bareDecoding({ node, shape, dataSchema, knownWriters: options.knownWriters ?? [] })
  const document: SchemaDocument = {
    format: 'avro',
    definition: definitionOf(node),
    ...(node.kind === 'record' ? { recordName: node.name } : {}),
  }
  const codec: AvroCodec<unknown> = {
    contentType: 'application/avro',
    dataSchema,
    schema: document,
    describes: 'name' in node ? `${node.kind} ${node.name}` : node.kind,
    encode: payload => encoder.encode(payload, 0),
    decode,
    registered: (registry, subject) =>
      registeredCodec({ registry, subject, document, shape, encoder, decodeBare: decode }),
  }
  codecNodes.set(codec, node)
  // A codec of a codec has its schema, and so its types.
  if (!optionsOf.has(node)) optionsOf.set(node, options)
  knownSchemas.set(dataSchema, node)
  return codec
}) as AvroFunction
