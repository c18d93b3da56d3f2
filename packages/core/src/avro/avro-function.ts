import type { AvroChecked } from './checked.js'
import type { AvroDescription } from './describe.js'
import type { AvroInput, AvroOutput } from './infer.js'
import type { AvroOptions } from './options.js'
import type { AvroCodec, AvroSchema } from './schema.js'

/** The type of `avro()`. */
export type AvroFunction = <const S extends AvroSchema, const O extends AvroOptions = object>(
  schema: AvroChecked<S>,
  options?: O,
) => AvroCodec<AvroInput<S, O>, AvroOutput<S, O>, AvroDescription<S>>
