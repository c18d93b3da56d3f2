import type { PrimitiveName } from '../schema/schema-node.js'
import type { AvroCodec } from './avro-schema.js'
import type { Hidden } from './hidden.js'
import type { DeclaredName, Definition, DefinitionsOf, FullName } from './schema-names.js'

/** What the codec of a schema has as `describes`. */
export type AvroDescription<S> = Hidden<S, Describe<S, '', DefinitionsOf<S>>>

/** Kind, and the full name of what has one. `string` for what is not known at compile time. */
export type Describe<T, Space extends string, Definitions> = string extends T
  ? string
  : T extends PrimitiveName
    ? T
    : T extends string
      ? Definitions[FullName<T, Space> & keyof Definitions] extends Definition<string, infer D, infer Outer>
        ? Describe<D, Outer, Definitions>
        : string
      : T extends readonly unknown[]
        ? 'union'
        : T extends { readonly type: infer Kind }
          ? Kind extends 'record' | 'error'
            ? `record ${DeclaredName<T, Space>}`
            : Kind extends 'enum' | 'fixed'
              ? `${Kind} ${DeclaredName<T, Space>}`
              : Kind extends 'array' | 'map'
                ? Kind
                : Describe<Kind, Space, Definitions>
          : T extends AvroCodec<never, unknown, infer Type>
            ? Type
            : string

/** How a wrapped union calls a branch: by its full name, or by its kind. */
export type BranchName<Description> = Description extends `${string} ${infer Name}`
  ? Name
  : Extract<Description, string>
