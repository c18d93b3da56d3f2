export { avro } from './avro.js'
export type { AvroFunction } from './avro-function.js'
export {
  type CompatibilityMode,
  type CompatibilityProblem,
  type CompatibilityQuestion,
  type CompatibilityResult,
  type CompatibilityRule,
  checkCompatibility,
  compatibilityModes,
  type EarlierVersion,
} from './compatibility.js'
export { type Conversion, defineConversion, type StandardValues } from './conversion.js'
export type { AvroInput, AvroOutput, AvroRecursive } from './infer.js'
export type { AvroOptions } from './options.js'
export { parseSchema } from './parse-schema.js'
export type { AvroCodec, AvroSchema } from './schema.js'
export { canonicalForm, definitionOf } from './schema-text.js'
