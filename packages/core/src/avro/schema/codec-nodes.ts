import type { SchemaNode } from './schema-node.js'

/** The parsed schema of each codec of `avro()`: where the codec stands for a schema, that is it, and nothing is parsed anew. */
export const codecNodes = new WeakMap<object, SchemaNode>()
