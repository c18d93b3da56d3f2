import type { PrimitiveName } from '../schema/schema-node.js'
import type {
  AvroArraySchema,
  AvroCodec,
  AvroEnumSchema,
  AvroFixedSchema,
  AvroMapSchema,
  AvroRecordSchema,
} from './avro-schema.js'

/** The full name of a reference that stands in a namespace. */
export type FullName<Name extends string, Space extends string> = Name extends `${string}.${string}`
  ? Name
  : Space extends ''
    ? Name
    : `${Space}.${Name}`

/**
 * The full name of a declaration that stands in a namespace. The parts are inferred and not read as `T['name']`: there the
 * compiler intersects `T` with all that is known of it, which costs it thirty times as much.
 */
export type DeclaredName<T, Space extends string> = T extends { readonly name: infer Name extends string }
  ? FullName<Name, T extends { readonly namespace: infer Own extends string } ? Own : Space>
  : never

/** The namespace of a full name: what its last part leaves. */
export type NamespaceOf<Full extends string> = Full extends `${infer Head}.${infer Rest}`
  ? Rest extends `${string}.${string}`
    ? `${Head}.${NamespaceOf<Rest>}`
    : Head
  : ''

/** A named type of a schema: its declaration, and the namespace that this stands in. */
export interface Definition<Name extends string = string, T = unknown, Space extends string = string> {
  readonly name: Name
  readonly schema: T
  readonly namespace: Space
}

/** The declarations that have all that their `type` needs. */
export interface WellFormed {
  record: AvroRecordSchema
  error: AvroRecordSchema
  enum: AvroEnumSchema
  fixed: AvroFixedSchema
  array: AvroArraySchema
  map: AvroMapSchema
}

/** Stands for a declaration that lacks something, as a reference that nothing can resolve. */
type Malformed = '?'

/**
 * All named types of a schema, as a union of {@link Definition}, and the full names of all its references, as texts.
 * `string extends T` is what is not known at compile time; it holds for `any`, `unknown` and `AvroSchema`.
 */
export type NamesIn<T, Space extends string> = string extends T
  ? never
  : T extends PrimitiveName
    ? never
    : T extends string
      ? FullName<T, Space>
      : T extends readonly unknown[]
        ? NamesIn<T[number], Space>
        : T extends { readonly type: infer Kind }
          ? Kind extends keyof WellFormed
            ? T extends WellFormed[Kind]
              ? NamesInDeclaration<T, Space>
              : Malformed | NamesInDeclaration<T, Space>
            : NamesIn<Kind, Space>
          : T extends AvroCodec<never, unknown, infer Type>
            ? Type extends `${string} ${infer Name}`
              ? Definition<Name, T, Space>
              : string extends Type
                ? Definition
                : never
            : Malformed

type NamesInDeclaration<T, Space extends string> = T extends { readonly fields: readonly (infer Field)[] }
  ? Definition<DeclaredName<T, Space>, T, Space> | NamesInField<Field, NamespaceOf<DeclaredName<T, Space>>>
  : T extends { readonly items: infer Items }
    ? NamesIn<Items, Space>
    : T extends { readonly values: infer Values }
      ? NamesIn<Values, Space>
      : Definition<DeclaredName<T, Space>, T, Space>

/** A field whose `type` is `array` or `map` carries the attributes of that type. */
type NamesInField<Field, Space extends string> = Field extends { readonly type: infer T }
  ? NamesIn<[T] extends [InlineKind<T>] ? Field : T, Space>
  : never

/** `type` of a field that carries the attributes of its type itself. */
export type InlineKind<T> = string extends T ? never : Extract<T, 'array' | 'map'>

/** The named types of a schema by their full names. */
export type DefinitionsOf<S> = {
  [D in Extract<NamesIn<S, ''>, Definition> as D['name']]: D
}
