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
} from './compatibility/compatibility.js'
export { type Conversion, defineConversion, type StandardValues } from './conversions/conversion.js'
export type { AvroOptions } from './options.js'
export { parseSchema } from './schema/parse-schema.js'
export { canonicalForm, definitionOf } from './schema/schema-text.js'
export type { AvroCodec, AvroSchema } from './types/avro-schema.js'
export type { AvroInput, AvroOutput, AvroRecursive } from './types/infer.js'
