import type { AvroOptions } from './options.js'
import type { AvroCodec, AvroSchema } from './types/avro-schema.js'
import type { AvroChecked } from './types/checked.js'
import type { AvroDescription } from './types/describe.js'
import type { AvroInput, AvroOutput } from './types/infer.js'

/** The type of `avro()`. */
export type AvroFunction = <const S extends AvroSchema, const O extends AvroOptions = object>(
  schema: AvroChecked<S>,
  options?: O,
) => AvroCodec<AvroInput<S, O>, AvroOutput<S, O>, AvroDescription<S>>
