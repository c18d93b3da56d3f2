import type { AvroOptions } from '../options.js'
import type { DefinitionsOf } from './schema-names.js'

/** What stays the same all over a schema. */
export interface Context {
  readonly schema: unknown
  readonly options: AvroOptions
  readonly use: 'input' | 'output'
  readonly definitions: unknown
  readonly primitives: Primitives<unknown>
  readonly conversions: unknown
}

export interface Inference<S, O, Use> {
  readonly schema: S
  readonly options: O
  readonly use: Use
  readonly definitions: DefinitionsOf<S>
  readonly primitives: Primitives<LongOf<Option<O, 'long'>>>
  readonly conversions: Option<O, 'conversions'>
}

/** An option that was given; `object`, which has no keys, where none was. */
type Option<O, Name extends string> = Name extends keyof O
  ? O[Name] extends undefined
    ? object
    : NonNullable<O[Name]>
  : object

type LongOf<Choice> = Choice extends 'bigint' ? bigint : number

interface Primitives<Long> {
  null: null
  boolean: boolean
  int: number
  long: Long
  float: number
  double: number
  bytes: Uint8Array
  string: string
}
