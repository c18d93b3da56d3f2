import { after, type RegisteredCodec } from '../codec.js'
import { BusbarError } from '../error.js'
import type { RegisteredSchema, SchemaDocument, SchemaRegistry } from '../schema-registry.js'
import { BoundedMap } from './bounded-map.js'
import { frameHeader, readFrame, writeFrame } from './confluent-frame.js'
import { fingerprintPrefix } from './fingerprint.js'
import { Decoder } from './read/decoder.js'
import { parseForeignSchema } from './schema/foreign-schema.js'
import type { Shape } from './shape.js'
import type { Encoder } from './write/encoder.js'

/** How many schemas of others a codec keeps ready to read with. */
const mostDecoders = 1_000

/** What a codec is for, and where it finds schemas. */
export interface Registration {
  readonly registry: SchemaRegistry
  readonly subject: string
  readonly document: SchemaDocument
  readonly shape: Shape
  readonly encoder: Encoder
  /** Of records that name their schema by fingerprint, as a bus without registry writes them. */
  readonly decodeBare: (bytes: Uint8Array, dataSchema: string) => unknown
}

/** An Avro codec whose records are in the Confluent wire format. */
export function registeredCodec(registration: Registration): RegisteredCodec<unknown> {
  const { registry, subject, document, encoder, decodeBare } = registration
  const ownId = idSource(registration)
  const decoderOf = decoderSource(registration)
  return {
    contentType: 'application/avro',
    schema: document,
    encode(payload) {
      // Before its id is there: the payload may change meanwhile.
      const frame = encoder.encode(payload, frameHeader)
      return after(ownId(), id => {
        writeFrame(frame, id)
        return frame
      })
    },
    decode(bytes, dataSchema) {
      if (dataSchema?.startsWith(fingerprintPrefix)) return decodeBare(bytes, dataSchema)
      return after(decoderOf(readFrame(bytes)), decoder => decoder.decode(bytes, frameHeader))
    },
    async prepare(use) {
      await (use === 'write' ? ownId() : registry.preload(subject))
    },
  }
}

/** The id of the codec's own schema: asked for once, by all who want it meanwhile; again only after a failure. */
function idSource({ registry, subject, document }: Registration): () => number | Promise<number> {
  let known: number | undefined
  let asking: Promise<number> | undefined
  const note = (id: number): number => {
    if (!Number.isInteger(id) || id < 0 || id >= 2 ** 32) {
      const what = `${registry.name} gave an id for ${subject} that is not one of four bytes`
      throw new BusbarError('ENCODE_FAILED', what)
    }
    known = id
    return id
  }
  return () => {
    if (known !== undefined) return known
    if (asking) return asking
    const answer = registry.idOf(subject, document)
    if (typeof answer === 'number') return note(answer)
    asking = answer.then(note).finally(() => {
      asking = undefined
    })
    return asking
  }
}

/** Keeps what it learned, and no failures: the registry's client does, as long as it sees fit. */
function decoderSource({
  registry,
  document,
  shape,
}: Registration): (id: number) => Decoder | Promise<Decoder> {
  const decoders = new BoundedMap<number, Decoder>(mostDecoders)
  const make = (id: number, schema: RegisteredSchema): Decoder => {
    const known = decoders.get(id)
    if (known) return known
    const name = `schema ${id} of ${registry.name}`
    const decoder = new Decoder(writerOf(schema, name), shape, name)
    decoders.set(id, decoder)
    return decoder
  }
  const writerOf = ({ type, text, references }: RegisteredSchema, name: string) => {
    if (type === 'AVRO') {
      try {
        return parseForeignSchema(text, references)
      } catch (error) {
        const { message, code } = BusbarError.from(error, 'SCHEMA_INVALID', 'parsing it')
        throw new BusbarError(code, `${name}: ${message}`, { cause: error })
      }
    }
    const wanted = document.recordName ?? shape.name
    throw new BusbarError(
      'SCHEMA_INCOMPATIBLE',
      `${name} is of type ${type}, and ${wanted} is read from Avro`,
    )
  }
  return id => decoders.get(id) ?? after(registry.schemaOf(id), schema => make(id, schema))
}
