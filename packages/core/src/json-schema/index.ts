export type { Draft } from './draft.js'
export {
  type JsonSchemaInput,
  type JsonSchemaOptions,
  type JsonSchemaOutput,
  jsonSchema,
} from './json-schema.js'
