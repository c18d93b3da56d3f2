import { BusbarError } from './error.js'
import { checkWritten, decodeJson, encodeJson } from './json.js'
import type { SchemaDocument, SchemaRegistry } from './schema-registry.js'
import { standardDocument } from './standard-document.js'
import { describeIssues, type StandardResult, type StandardSchema } from './standard-schema.js'

/**
 * Turns payloads into bytes and back. `In` is what a publisher gives, `Out` what a handler gets; they differ where a
 * schema has defaults or conversions. Either direction may be asynchronous.
 */
export interface Codec<In, Out = In> {
  /** The `content-type` header of its records. */
  readonly contentType: string
  /** The `ce_dataschema` header of its records, where there is one. */
  readonly dataSchema?: string
  /** Throws, or rejects with, a `BusbarError` `PAYLOAD_INVALID` or `ENCODE_FAILED`. */
  encode(payload: In): Uint8Array | Promise<Uint8Array>
  /**
   * `dataSchema` is the record's `ce_dataschema` header. Throws, or rejects with, a `BusbarError`: `DECODE_FAILED` or
   * `PAYLOAD_INVALID`, which are dead letters at once, or one that is retryable.
   */
  decode(bytes: Uint8Array, dataSchema?: string): Out | Promise<Out>
  /** The schema as data, where there is one. */
  readonly schema?: SchemaDocument | undefined
  /** This codec for the records of one subject of a registry. Codecs without it write the same with and without one. */
  readonly registered?: (registry: SchemaRegistry, subject: string) => RegisteredCodec<In, Out>
}

/** A codec whose schemas are kept in a registry. */
export interface RegisteredCodec<In, Out = In> extends Codec<In, Out> {
  /** Fetches what the first record needs, so that a schema that is missing, or a registry that is down, shows at the start. */
  prepare(use: 'write' | 'read'): Promise<void>
}

/** What a contract takes as its schema: any Standard Schema (then the wire format is JSON), or a codec. */
export type Schema<In, Out> = StandardSchema<In, Out> | Codec<In, Out>

/** Some schema, whatever its payload. */
export type AnySchema = StandardSchema | Codec<never, unknown>

/** The payload that a publisher gives for a schema. */
export type SchemaInput<S> =
  S extends StandardSchema<infer In, unknown> ? In : S extends Codec<infer In, unknown> ? In : never

/** The payload that a handler gets for a schema. */
export type SchemaOutput<S> =
  S extends StandardSchema<infer _In, infer Out> ? Out : S extends Codec<infer _In, infer Out> ? Out : never

/** The codec of a schema; plain JSON without validation where there is none. */
export function codecOf<In, Out>(schema: Schema<In, Out> | undefined): Codec<In, Out> {
  if (schema === undefined) return unvalidatedJson as Codec<In, Out>
  if ((typeof schema === 'object' && schema !== null) || typeof schema === 'function') {
    if ('~standard' in schema) return validatedJson(schema)
    if (typeof schema.encode === 'function' && typeof schema.decode === 'function') return schema
  }
  throw new BusbarError(
    'CONFIG_INVALID',
    'a schema is a Standard Schema (zod, valibot, arktype and others), or a codec with encode and decode',
  )
}

/** JSON without a schema: the payload is whatever the type argument of the contract says. */
const unvalidatedJson: Codec<unknown> = {
  contentType: 'application/json',
  encode: encodeJson,
  decode: decodeJson,
}

/**
 * JSON validated on both sides. What is written is the payload as it was given, not the schema's output: the reader's
 * validation applies defaults and conversions, so that they are applied exactly once.
 */
function validatedJson<In, Out>(schema: StandardSchema<In, Out>): Codec<In, Out> {
  const standard = schema['~standard']
  const validate = (value: unknown) => standard.validate(value)
  const outputOf = (result: StandardResult<Out>): Out => {
    if (result.issues === undefined) return result.value
    throw new BusbarError('PAYLOAD_INVALID', describeIssues(standard, result.issues))
  }
  const accept = (result: StandardResult<Out>): void => void outputOf(result)
  let document: SchemaDocument | false | undefined
  return {
    contentType: 'application/json',
    // Not before somebody asks: a conversion costs time, and most programs never need it.
    get schema() {
      document ??= standardDocument(standard) ?? false
      return document || undefined
    },
    encode: payload =>
      after(validate(payload), result => {
        outputOf(result)
        return checkWritten(payload, encodeJson(payload), written => after(validate(written), accept))
      }),
    decode: bytes => after(validate(decodeJson(bytes)), outputOf),
  }
}

/** Goes on at once with a value and later with a promise, so that the synchronous path stays synchronous. */
export function after<T, R>(value: T | Promise<T>, go: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(go) : go(value)
}
