import type { PrimitiveName } from '../schema/schema-node.js'
import type { AvroField, AvroSchema } from './avro-schema.js'
import type { DeclaredName, Definition, FullName, NamesIn, NamespaceOf, WellFormed } from './schema-names.js'

/**
 * The schema itself when all of its declarations are complete and all names that it uses are declared in it. Otherwise
 * what it should have been, so that the compiler marks the very place and proposes what is meant.
 */
export type AvroChecked<S> =
  NamesIn<S, ''> extends infer Names
    ? [UnknownName<Names>] extends [never]
      ? S
      : Corrected<S, '', KnownName<Names>>
    : never

type UnknownName<Names> = Exclude<Extract<Names, string>, KnownName<Names>>

type KnownName<Names> = Names extends Definition<infer Name> ? Name : never

/** `Kinds` are the other texts that may stand here. */
type Corrected<T, Space extends string, Known extends string, Kinds extends string = never> = string extends T
  ? T
  : T extends PrimitiveName
    ? T
    : T extends string
      ? FullName<T, Space> extends Known
        ? T
        : PrimitiveName | Kinds | ShortName<Known, Space>
      : T extends readonly unknown[]
        ? { readonly [I in keyof T]: Corrected<T[I], Space, Known> }
        : T extends { readonly type: infer Kind }
          ? Kind extends keyof WellFormed
            ? T extends WellFormed[Kind]
              ? CorrectedParts<T, T, Space, Known>
              : T extends { readonly name: string; readonly fields: readonly unknown[] }
                ? CorrectedParts<T, WellFormed[Kind], Space, Known>
                : WellFormed[Kind]
            : {
                readonly [K in keyof T]: K extends 'type'
                  ? Corrected<Kind, Space, Known, 'record' | 'error' | 'enum' | 'fixed' | 'array' | 'map'>
                  : T[K]
              }
          : AvroSchema

/** A declaration that lacks nothing itself: only the schemas in it are looked at. The rest is as `Rest` has it. */
type CorrectedParts<T, Rest, Space extends string, Known extends string> = {
  readonly [K in keyof T]: K extends 'items' | 'values'
    ? Corrected<T[K], Space, Known>
    : K extends 'fields'
      ? CorrectedFields<T[K], NamespaceOf<DeclaredName<T, Space>>, Known>
      : K extends keyof Rest
        ? Rest[K]
        : T[K]
}

type CorrectedFields<Fields, Space extends string, Known extends string> = {
  readonly [I in keyof Fields]: CorrectedField<Fields[I], Space, Known>
}

type CorrectedField<F, Space extends string, Known extends string> = F extends AvroField
  ? F extends { readonly type: infer Kind }
    ? Kind extends 'array' | 'map'
      ? F extends WellFormed[Kind]
        ? CorrectedParts<F, F, Space, Known>
        : AvroField & WellFormed[Kind]
      : {
          readonly [K in keyof F]: K extends 'type' ? Corrected<Kind, Space, Known, 'array' | 'map'> : F[K]
        }
    : never
  : AvroField

/** How a schema in a namespace may call what it knows. */
type ShortName<Known extends string, Space extends string> = Known extends `${Space}.${infer Name}`
  ? Name extends `${string}.${string}`
    ? Known
    : Name
  : Known
