export { parseSchema } from './parse-schema.js'
export { canonicalForm, definitionOf } from './schema-text.js'
