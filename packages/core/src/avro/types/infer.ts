import type { Conversion, StandardValues } from '../conversions/conversion.js'
import type { AvroOptions } from '../options.js'
import type { PrimitiveName } from '../schema/schema-node.js'
import type { AvroCodec, AvroField } from './avro-schema.js'
import type { BranchName, Describe } from './describe.js'
import type { Hidden } from './hidden.js'
import type { Context, Inference } from './inference.js'
import type {
  DeclaredName,
  Definition,
  FullName,
  InlineKind,
  NamespaceOf,
  WellFormed,
} from './schema-names.js'

// Each helper is a conditional type: a mapped type that stands directly in an alias is shown in editors, in messages and
// in declaration files by the alias and its arguments, and not as the plain object that it is.

/** What a publisher gives for a schema: fields with a default are optional. */
export type AvroInput<S, O extends AvroOptions = object> = Hidden<
  S,
  TypeOf<S, '', Inference<S, O, 'input'>, never>
>

/** What a handler gets for a schema. */
export type AvroOutput<S, O extends AvroOptions = object> = Hidden<
  S,
  TypeOf<S, '', Inference<S, O, 'output'>, never>
>

/**
 * `Space` is the namespace that the schema stands in, `Open` the full names of the records that it is inside of.
 * `string extends T` is what is not known at compile time; it holds for `any`, `unknown` and `AvroSchema`.
 */
type TypeOf<T, Space extends string, I extends Context, Open extends string> = string extends T
  ? unknown
  : T extends PrimitiveName
    ? I['primitives'][T]
    : T extends string
      ? TypeOfReference<FullName<T, Space>, I, Open>
      : T extends readonly unknown[]
        ? TypeOfUnion<T, Space, I, Open>
        : T extends { readonly type: infer Kind }
          ? T extends { readonly logicalType: infer Logical extends string }
            ? TypeOfLogical<T, Kind, Logical, Space, I, Open>
            : TypeOfDeclaration<T, Kind, Space, I, Open>
          : T extends AvroCodec<infer In, infer Out>
            ? I['use'] extends 'input'
              ? In
              : Out
            : unknown

type TypeOfReference<Name extends string, I extends Context, Open extends string> = Name extends Open
  ? AvroRecursive<Name, I['use'], I['schema'], I['options']>
  : I['definitions'][Name & keyof I['definitions']] extends Definition<string, infer T, infer Space>
    ? TypeOf<T, Space, I, Open>
    : unknown

/** The attribute `logicalType` belongs to the declaration of the underlying type itself, and is ignored elsewhere. */
type TypeOfLogical<
  T,
  Kind,
  Logical extends string,
  Space extends string,
  I extends Context,
  Open extends string,
> = Kind extends PrimitiveName | keyof WellFormed
  ? Logical extends keyof I['conversions']
    ? I['conversions'][Logical] extends false
      ? TypeOfDeclaration<T, Kind, Space, I, Open>
      : I['conversions'][Logical] extends Conversion<infer _Raw, infer Value>
        ? Value
        : unknown
    : `${Kind} ${Logical}` extends keyof StandardValues
      ? StandardValues[`${Kind} ${Logical}`]
      : TypeOfDeclaration<T, Kind, Space, I, Open>
  : TypeOfDeclaration<T, Kind, Space, I, Open>

type TypeOfDeclaration<
  T,
  Kind,
  Space extends string,
  I extends Context,
  Open extends string,
> = Kind extends PrimitiveName
  ? I['primitives'][Kind]
  : Kind extends 'record' | 'error'
    ? T extends { readonly fields: infer Fields extends readonly AvroField[] }
      ? TypeOfRecord<Fields, DeclaredName<T, Space>, I, Open>
      : unknown
    : Kind extends 'array'
      ? T extends { readonly items: infer Items }
        ? I['use'] extends 'input'
          ? readonly TypeOf<Items, Space, I, Open>[]
          : TypeOf<Items, Space, I, Open>[]
        : unknown
      : Kind extends 'map'
        ? T extends { readonly values: infer Values }
          ? Record<string, TypeOf<Values, Space, I, Open>>
          : unknown
        : Kind extends 'enum'
          ? T extends { readonly symbols: readonly (infer Symbol)[] }
            ? Symbol
            : unknown
          : Kind extends 'fixed'
            ? Uint8Array
            : TypeOf<Kind, Space, I, Open>

type TypeOfRecord<
  Fields extends readonly AvroField[],
  Name extends string,
  I extends Context,
  Open extends string,
> = number extends Fields['length']
  ? unknown
  : TypeOfFields<Fields[number], NamespaceOf<Name>, I, Open | Name>

type TypeOfFields<Field extends AvroField, Space extends string, I extends Context, Open extends string> = [
  I['use'] extends 'output' ? never : Extract<Field, WithDefault>,
] extends [never]
  ? { [F in Field as F['name']]: TypeOfField<F, Space, I, Open> }
  : Flat<
      { [F in Exclude<Field, WithDefault> as F['name']]: TypeOfField<F, Space, I, Open> } & {
        [F in Extract<Field, WithDefault> as F['name']]?: TypeOfField<F, Space, I, Open> | undefined
      }
    >

interface WithDefault {
  readonly default: unknown
}

/** One object for an intersection. */
type Flat<T> = T extends unknown ? { [K in keyof T]: T[K] } : never

/** A field whose `type` is `array` or `map` carries the attributes of that type. */
type TypeOfField<F, Space extends string, I extends Context, Open extends string> = F extends {
  readonly type: infer T
}
  ? [T] extends [InlineKind<T>]
    ? TypeOfDeclaration<F, T, Space, I, Open>
    : TypeOf<T, Space, I, Open>
  : unknown

type TypeOfUnion<
  T extends readonly unknown[],
  Space extends string,
  I extends Context,
  Open extends string,
> = number extends T['length']
  ? unknown
  : IsUnion<ObjectBranch<Describe<T[number], Space, I['definitions']>>> extends true
    ? Wrapped<T[number], Space, I, Open>
    : TypeOf<T[number], Space, I, Open>

type ObjectBranch<Description> = Extract<Description, 'map' | `record ${string}`>

type IsUnion<T, Each = T> = [T] extends [never]
  ? false
  : Each extends T
    ? [T] extends [Each]
      ? false
      : true
    : never

/** As in Avro's JSON encoding: null, or an object with one key, the name of the branch. */
type Wrapped<T, Space extends string, I extends Context, Open extends string> = T extends unknown
  ? Describe<T, Space, I['definitions']> extends 'null'
    ? null
    : { [Name in BranchName<Describe<T, Space, I['definitions']>>]: TypeOf<T, Space, I, Open> }
  : never

/**
 * A record inside of itself. It keeps this name in editors and declaration files: a declaration file cannot hold an
 * object type without a name that contains itself (TS5088).
 */
export type AvroRecursive<Name extends string, Use extends 'input' | 'output', S, O extends AvroOptions> = {
  [K in keyof TypeOfReference<Name, Inference<S, O, Use>, never>]: TypeOfReference<
    Name,
    Inference<S, O, Use>,
    never
  >[K]
}
