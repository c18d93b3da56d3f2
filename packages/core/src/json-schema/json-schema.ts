import type { Ajv, ValidateFunction } from 'ajv'
import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import type { Codec } from '../codec.js'
import { BusbarError } from '../error.js'
import { checkWritten, decodeJson, encodeJson } from '../json.js'
import { jsonDocument } from '../standard-document.js'
import { describeErrors } from './describe-errors.js'
import {
  checkAgainstMetaSchema,
  type Draft,
  draftOf,
  invalidSchema,
  newAjv,
  saying,
  uncompilable,
} from './draft.js'

export interface JsonSchemaOptions {
  /** The version of JSON Schema. Default: what `$schema` says, or draft-07. */
  readonly draft?: Draft
  /**
   * Gets each ajv that is made for this schema, to add formats, keywords or schemas that it refers to; `addFormats` of
   * ajv-formats fits as it is. Default: none; a format that nobody added is `SCHEMA_INVALID`, since it would check nothing.
   */
  readonly configure?: (ajv: Ajv) => unknown
}

/** What a publisher gives: properties with a default may be left away. */
export type JsonSchemaInput<S extends JSONSchema> = FromSchema<S, { keepDefaultedPropertiesOptional: true }>

/** What a handler gets: properties with a default are there. */
export type JsonSchemaOutput<S extends JSONSchema> = FromSchema<S>

/**
 * JSON, described by a JSON Schema (draft-07 or 2020-12) and validated on both sides: what does not match is
 * `PAYLOAD_INVALID`, with the path and the rule and never the value. The payload's type is inferred from a literal
 * schema. What is written is the payload as it was given; defaults are applied by the reader.
 *
 * @throws BusbarError `SCHEMA_INVALID` at once for a schema that the specification does not allow, that has keywords or
 * formats that nobody knows, or defaults that could not be applied.
 */
// A call with one type argument means the other signature; this one has a second parameter so that it never fits it.
// NoInfer: else the compiler reads the schema's type out of where the codec is used, and gives up on its depth.
export function jsonSchema<const S extends JSONSchema, _Inferred extends true>(
  schema: S,
  options?: JsonSchemaOptions,
): NoInfer<Codec<JsonSchemaInput<S>, JsonSchemaOutput<S>>>
/** The same for a schema that is no literal: the type argument says what it describes. */
export function jsonSchema<Payload = never>(
  schema: [Payload] extends [never] ? never : object | boolean,
  options?: JsonSchemaOptions,
): NoInfer<Codec<Payload>>
export function jsonSchema(schema: unknown, options: JsonSchemaOptions = {}): Codec<unknown> {
  const definition = plain(schema)
  const draft = draftOf(definition, options.draft)
  checkAgainstMetaSchema(definition, draft)
  const compile = (appliesDefaults: boolean) =>
    compiled(definition, draft, appliesDefaults, options.configure)
  const reading = compile(true)
  // What is valid for reading is valid for writing; and a program that only reads needs no second validator.
  let writing: ValidateFunction | undefined
  return {
    contentType: 'application/json',
    schema: jsonDocument(saying(draft, definition)),
    encode: payload => {
      writing ??= compile(false)
      const validator = writing
      validate(validator, payload)
      return checkWritten(payload, encodeJson(payload), written => validate(validator, written))
    },
    decode: bytes => {
      const payload = decodeJson(bytes)
      validate(reading, payload)
      return payload
    },
  }
}

/** A copy, so that a schema that is changed later changes nothing here. */
function plain(schema: unknown): object | boolean {
  let copy: unknown
  try {
    copy = JSON.parse(JSON.stringify(schema) ?? 'null')
  } catch (cause) {
    throw invalidSchema('it is not plain JSON', cause)
  }
  if (typeof copy === 'boolean') return copy
  if (typeof copy !== 'object' || copy === null || Array.isArray(copy)) {
    throw invalidSchema('a schema is an object or a boolean')
  }
  if ('$async' in copy) throw invalidSchema('"$async" is not supported: remove it')
  return copy
}

function compiled(
  definition: object | boolean,
  draft: Draft,
  appliesDefaults: boolean,
  configure: ((ajv: Ajv) => unknown) | undefined,
): ValidateFunction {
  try {
    const ajv = newAjv(draft, appliesDefaults)
    configure?.(ajv)
    return ajv.compile(definition)
  } catch (thrown) {
    throw uncompilable(thrown)
  }
}

function validate(validator: ValidateFunction, payload: unknown): void {
  let isValid: boolean
  try {
    isValid = validator(payload)
  } catch (cause) {
    // What a keyword of a user's own throws may quote the payload: it is in the cause, and not in the message.
    const reason =
      cause instanceof RangeError ? 'it is nested too deep' : 'a keyword of its schema threw an error'
    throw new BusbarError('PAYLOAD_INVALID', `the payload could not be checked: ${reason}`, { cause })
  }
  if (isValid) return
  const errors = validator.errors ?? []
  throw new BusbarError('PAYLOAD_INVALID', describeErrors(errors))
}
