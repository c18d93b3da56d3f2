import { Ajv, type ErrorObject, type Options } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { BusbarError, reasonOf } from '../error.js'

/** A version of JSON Schema. */
export type Draft = 'draft-07' | '2020-12'

const uris: Readonly<Record<Draft, string>> = {
  'draft-07': 'http://json-schema.org/draft-07/schema',
  '2020-12': 'https://json-schema.org/draft/2020-12/schema',
}

const drafts = Object.keys(uris) as Draft[]

const classes = { 'draft-07': Ajv, '2020-12': Ajv2020 }

const common: Options = {
  logger: false,
  // Keywords and formats that nobody knows check nothing: they are refused. What is valid by the specification is not.
  strictSchema: true,
  strictTypes: false,
  strictTuples: false,
  // What JSON writes are own properties.
  ownProperties: true,
  // A value of a million faults has one message.
  allErrors: false,
}

/**
 * Which version a schema is written in: by the option, by its `$schema`, or draft-07.
 * @throws BusbarError `SCHEMA_INVALID` if it names another, or the two contradict.
 */
export function draftOf(definition: unknown, wanted: Draft | undefined): Draft {
  const uri = (definition as { readonly $schema?: unknown }).$schema
  if (uri === undefined) return wanted ?? 'draft-07'
  const named = drafts.find(draft => uri === uris[draft] || uri === `${uris[draft]}#`)
  if (named === undefined) {
    throw invalidSchema(
      `its $schema is ${JSON.stringify(uri)}: use ${Object.values(uris).join('# or ')}, or leave it away`,
    )
  }
  if (wanted !== undefined && named !== wanted) {
    throw invalidSchema(
      `its $schema says ${named}, and the option "draft" says ${wanted}: correct one of them`,
    )
  }
  return named
}

/** A schema as others read it, who take one without `$schema` for draft-07. */
export function saying(draft: Draft, definition: object | boolean): object | boolean {
  if (draft === 'draft-07' || typeof definition === 'boolean' || '$schema' in definition) return definition
  return { $schema: uris[draft], ...definition }
}

const metaSchemas: Partial<Record<Draft, Ajv>> = {}

/** Throws a `SCHEMA_INVALID` saying what the specification does not allow. */
export function checkAgainstMetaSchema(definition: object | boolean, draft: Draft): void {
  // Compiling the meta-schema takes most of the time: once is enough.
  metaSchemas[draft] ??= new classes[draft](common)
  const ajv = metaSchemas[draft]
  if (ajv.validateSchema(definition) === true) return
  throw invalidSchema(ajv.errorsText(ajv.errors as ErrorObject[], { dataVar: 'schema' }))
}

/** A validator of its own for each schema: the same `$id` in two of them is no conflict. */
export function newAjv(draft: Draft, appliesDefaults: boolean): Ajv {
  return new classes[draft]({ ...common, useDefaults: appliesDefaults, meta: false, validateSchema: false })
}

export function invalidSchema(why: string, cause?: unknown): BusbarError {
  return new BusbarError(
    'SCHEMA_INVALID',
    `this JSON Schema is not valid: ${why}`,
    cause === undefined ? {} : { cause },
  )
}

/** What ajv throws when it compiles a schema, with what to do about it where that is not in its own words. */
export function uncompilable(thrown: unknown): BusbarError {
  if (thrown instanceof BusbarError) return thrown
  const reason = reasonOf(thrown)
  const hint = reason.startsWith('unknown format')
    ? ' (formats are checked if somebody knows them: pass { configure: addFormats } of ajv-formats, or one that adds your own)'
    : ''
  return invalidSchema(`${reason}${hint}`, thrown)
}
