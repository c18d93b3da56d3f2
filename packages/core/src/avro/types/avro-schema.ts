import type { Codec } from '../../codec.js'
import type { SchemaDocument } from '../../schema-registry.js'
import type { PrimitiveName } from '../schema/schema-node.js'

/**
 * An Avro schema (Avro 1.12, "Schema Declaration") as a literal. A codec made by `avro()` may stand for a schema in it.
 *
 * `avro()` infers the payload's type from a literal. A value of this type that is not known at compile time, such as
 * one that was loaded from a file, is accepted as well; its payload is `unknown`.
 */
export type AvroSchema =
  | PrimitiveName
  | OtherText
  | readonly AvroSchema[]
  | AvroDeclaration
  | (SomeAvroCodec & NoDeclaration)

/** A codec of `avro()`. */
export interface AvroCodec<In, Out = In, Type = string> extends Codec<In, Out> {
  readonly schema: SchemaDocument
  /**
   * What its schema is: its kind, and the full name of what has one; `record shop.Order`, `enum Color`, `map`. As a type
   * it lets another schema name the branches of a union, and refer to the codec's schema.
   */
  readonly describes: Type
}

type SomeAvroCodec = AvroCodec<never, unknown>

/** Any other text. Written so, editors still propose the texts that it is in a union with. */
type OtherText = string & NoDeclaration

/** Lets editors, once `type` is written, propose only the keys of that declaration, and no methods of texts or codecs. */
interface NoDeclaration {
  readonly type?: undefined
}

type AvroDeclaration =
  | AvroRecordSchema
  | AvroEnumSchema
  | AvroFixedSchema
  | AvroArraySchema
  | AvroMapSchema
  | AvroPrimitiveSchema
  | AvroNestedSchema

interface Attributes {
  readonly logicalType?: string | undefined
  readonly doc?: string | undefined
}

interface Named {
  /** Simple, or full (with a `.`), which leaves out `namespace`. */
  readonly name: string
  /** Default: that of the enclosing record. */
  readonly namespace?: string | undefined
  readonly aliases?: readonly string[] | undefined
}

export interface AvroRecordSchema extends Named, Attributes {
  readonly type: 'record' | 'error'
  readonly fields: readonly AvroField[]
}

export interface AvroField {
  readonly name: string
  /** An array or a map may be given with its `items` or `values` beside `type`. */
  readonly type: AvroSchema
  readonly items?: AvroSchema | undefined
  readonly values?: AvroSchema | undefined
  /** As JSON. Makes the field optional for publishers, and readable from records that were written without it. */
  readonly default?: unknown
  readonly doc?: string | undefined
  readonly aliases?: readonly string[] | undefined
  readonly order?: 'ascending' | 'descending' | 'ignore' | OtherText | undefined
}

export interface AvroEnumSchema extends Named, Attributes {
  readonly type: 'enum'
  readonly symbols: readonly string[]
  /** The symbol that stands for those that a reader does not know. */
  readonly default?: string | undefined
}

export interface AvroFixedSchema extends Named, DecimalAttributes {
  readonly type: 'fixed'
  /** In bytes. */
  readonly size: number
}

export interface AvroArraySchema extends Attributes {
  readonly type: 'array'
  readonly items: AvroSchema
}

export interface AvroMapSchema extends Attributes {
  readonly type: 'map'
  readonly values: AvroSchema
}

interface DecimalAttributes {
  readonly logicalType?: KnownLogicalType | OtherText | undefined
  readonly precision?: number | undefined
  readonly scale?: number | undefined
  readonly doc?: string | undefined
}

interface AvroPrimitiveSchema extends DecimalAttributes {
  readonly type: PrimitiveName
}

/** A schema, or the name of one, once more in an object. Also what a schema looks like whose `type` is just text. */
interface AvroNestedSchema extends DecimalAttributes {
  readonly type: AvroSchema
}

type KnownLogicalType = 'timestamp-millis' | 'timestamp-micros' | 'date' | 'decimal' | 'uuid'
