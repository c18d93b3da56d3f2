import type { BusbarErrorCode } from '@busbar/core'
import type { AvroSchema } from '@busbar/core/avro'

interface AvroField {
  readonly name: string
  readonly type: AvroSchema
  readonly default?: unknown
  readonly aliases?: readonly string[]
}

/** What becomes of one value that was written with one schema and is read with another. */
export interface Direction {
  readonly value: unknown
  readonly gives?: unknown
  readonly fails?: BusbarErrorCode
  /** Why Avro's Java library does otherwise. */
  readonly javaDiffers?: string
}

/** Two schemas: `there` is written with the first and read with the second, `back` the other way round. */
export interface ResolutionCase {
  readonly name: string
  readonly one: AvroSchema
  readonly other: AvroSchema
  readonly there: Direction
  readonly back: Direction
}

const incompatible = (value: unknown): Direction => ({ value, fails: 'SCHEMA_INCOMPATIBLE' })
const same = (value: unknown): Direction => ({ value, gives: value })
const to = (value: unknown, gives: unknown): Direction => ({ value, gives })
const record = (...fields: readonly AvroField[]): AvroSchema => ({ type: 'record', name: 'R', fields })
const field = (name: string, type: AvroSchema, more: Partial<AvroField> = {}): AvroField => ({
  name,
  type,
  ...more,
})
const colors = (symbols: readonly string[], more: object = {}): AvroSchema => ({
  type: 'enum',
  name: 'Color',
  symbols,
  ...more,
})
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
const x = field('x', 'int')

function promotion(one: string, other: string, there: Direction, back: Direction): ResolutionCase {
  return { name: `${one} and ${other}`, one, other, there, back }
}

/** A field that only one of two schemas has, with a default. */
function added(name: string, type: AvroSchema, json: unknown, value: unknown, gives = json): ResolutionCase {
  const other = record(x, field('added', type, { default: json }))
  return {
    name: `a default: ${name}`,
    one: record(x),
    other,
    there: to({ x: 1 }, { x: 1, added: gives }),
    back: to({ x: 1, added: value }, { x: 1 }),
  }
}

const promotions: readonly ResolutionCase[] = [
  promotion('int', 'long', same(-7), incompatible(-7)),
  promotion('int', 'float', to(16_777_217, 16_777_216), incompatible(1)),
  promotion('int', 'double', same(2_147_483_647), incompatible(1)),
  promotion('long', 'float', to(9_007_199_254_740_991, 9_007_199_254_740_992), incompatible(1)),
  promotion('long', 'double', same(-9_007_199_254_740_991), incompatible(1)),
  promotion('float', 'double', same(0.5), incompatible(0.5)),
  promotion('string', 'bytes', to('é😀', bytes('é😀')), to(bytes('abc'), 'abc')),
  promotion('boolean', 'int', incompatible(true), incompatible(1)),
  promotion('string', 'int', incompatible('1'), incompatible(1)),
  promotion('null', 'string', incompatible(null), incompatible('')),
  promotion('bytes', 'long', incompatible(bytes('a')), incompatible(1)),
  {
    name: 'long as bigint and double',
    one: 'long',
    other: 'double',
    there: same(4_503_599_627_370_497),
    back: incompatible(1),
  },
]

const defaults: readonly ResolutionCase[] = [
  added('null', 'null', null, null),
  added('boolean', 'boolean', true, false),
  added('int', 'int', -5, 6),
  added('long', 'long', 4_294_967_296, 6),
  added('float', 'float', 1.5, 6),
  added('double', 'double', 1e300, 6),
  added('string', 'string', 'ünï', 'a'),
  added('bytes', 'bytes', '\u00ff\u0000a', bytes('a'), new Uint8Array([255, 0, 97])),
  added('fixed', { type: 'fixed', name: 'F', size: 2 }, '\u00fea', bytes('ab'), new Uint8Array([254, 97])),
  added('enum', colors(['RED', 'GREEN']), 'GREEN', 'RED'),
  added('array', { type: 'array', items: 'int' }, [1, 2], []),
  added('map', { type: 'map', values: 'string' }, { a: 'b' }, {}),
  added('union', ['null', 'string'], null, 'a'),
  added('union whose first branch is no null', ['string', 'null'], 'a', null),
  added(
    'record',
    { type: 'record', name: 'In', fields: [field('a', 'int'), field('b', 'string', { default: 'z' })] },
    { a: 1, b: 'y' },
    { a: 2 },
  ),
  {
    name: 'no default',
    one: record(x),
    other: record(x, field('added', 'string')),
    there: incompatible({ x: 1 }),
    back: to({ x: 1, added: 'a' }, { x: 1 }),
  },
]

const list = (name: string, item: AvroSchema, ...more: readonly AvroField[]): AvroSchema => ({
  type: 'record',
  name,
  fields: [field('value', item), field('next', ['null', name]), ...more],
})

const structures: readonly ResolutionCase[] = [
  {
    name: 'fields in another order',
    one: record(x, field('s', 'string'), field('b', 'boolean')),
    other: record(field('b', 'boolean'), field('s', 'string'), x),
    there: same({ x: 1, s: 'a', b: true }),
    back: same({ b: false, s: '', x: -1 }),
  },
  {
    name: 'a field removed from between',
    one: record(
      x,
      field('gone', { type: 'map', values: ['null', { type: 'array', items: 'long' }] }),
      field('z', 'string'),
    ),
    other: record(x, field('z', 'string')),
    there: to({ x: 1, gone: { a: [1, 2], b: null }, z: 'z' }, { x: 1, z: 'z' }),
    back: incompatible({ x: 1, z: '' }),
  },
  {
    name: 'a removed field that is recursive',
    one: record(x, field('gone', list('L', 'string')), field('z', 'string')),
    other: record(x, field('z', 'string')),
    there: to({ x: 1, gone: { value: 'a', next: { value: 'b', next: null } }, z: 'z' }, { x: 1, z: 'z' }),
    back: incompatible({ x: 1, z: '' }),
  },
  {
    name: 'items promoted',
    one: { type: 'array', items: 'int' },
    other: { type: 'array', items: 'double' },
    there: same([1, 2, 3]),
    back: incompatible([1.5]),
  },
  {
    name: 'values promoted',
    one: { type: 'map', values: 'float' },
    other: { type: 'map', values: 'double' },
    there: same({ a: 0.25 }),
    back: incompatible({ a: 1 }),
  },
  {
    name: 'an array and a map',
    one: { type: 'array', items: 'int' },
    other: { type: 'map', values: 'int' },
    there: incompatible([1]),
    back: incompatible({ a: 1 }),
  },
  {
    name: 'a field promoted',
    one: record(x),
    other: record(field('x', 'long')),
    there: same({ x: 5 }),
    back: incompatible({ x: 5 }),
  },
  {
    name: 'fixed of another size',
    one: { type: 'fixed', name: 'F', size: 2 },
    other: { type: 'fixed', name: 'F', size: 3 },
    there: incompatible(bytes('ab')),
    back: incompatible(bytes('abc')),
  },
  {
    name: 'fixed and bytes',
    one: { type: 'fixed', name: 'F', size: 2 },
    other: 'bytes',
    there: incompatible(bytes('ab')),
    back: incompatible(bytes('ab')),
  },
  {
    name: 'a recursive record gains a field',
    one: list('L', 'int'),
    other: list('L', 'long', field('note', 'string', { default: '-' })),
    there: to(
      { value: 1, next: { value: 2, next: null } },
      { value: 1, next: { value: 2, next: null, note: '-' }, note: '-' },
    ),
    back: incompatible({ value: 1, next: null }),
  },
  {
    name: 'a recursive record loses a field',
    one: list('L', 'int', field('note', 'string')),
    other: list('L', 'int'),
    there: to(
      { value: 1, next: { value: 2, next: null, note: 'b' }, note: 'a' },
      { value: 1, next: { value: 2, next: null } },
    ),
    back: incompatible({ value: 1, next: null }),
  },
  {
    name: 'a record without fields',
    one: record(),
    other: record(field('a', 'int', { default: 3 })),
    there: to({}, { a: 3 }),
    back: to({ a: 1 }, {}),
  },
]

const namespaced = (type: 'enum' | 'fixed' | 'record', name: string, more: object = {}): AvroSchema =>
  ({
    type,
    name,
    ...(type === 'enum' ? { symbols: ['A'] } : type === 'fixed' ? { size: 1 } : { fields: [x] }),
    ...more,
  }) as AvroSchema
const byStructure = 'it does not look at the names of records'
const otherName = (value: unknown): Direction => ({ ...incompatible(value), javaDiffers: byStructure })

const names: readonly ResolutionCase[] = [
  {
    name: 'a record by alias',
    one: namespaced('record', 'Old'),
    other: namespaced('record', 'New', { aliases: ['Old'] }),
    there: same({ x: 1 }),
    back: otherName({ x: 1 }),
  },
  {
    name: 'a record by alias in a namespace',
    one: namespaced('record', 'a.Old'),
    other: namespaced('record', 'b.New', { aliases: ['a.Old'] }),
    there: same({ x: 1 }),
    back: otherName({ x: 1 }),
  },
  {
    name: 'a nested record by alias',
    one: record(field('in', { type: 'array', items: namespaced('record', 'Old') })),
    other: record(field('in', { type: 'array', items: namespaced('record', 'New', { aliases: ['Old'] }) })),
    there: same({ in: [{ x: 1 }] }),
    back: otherName({ in: [{ x: 1 }] }),
  },
  {
    name: 'a field by alias',
    one: record(field('old', 'int'), field('s', 'string')),
    other: record(field('s', 'string'), field('new', 'long', { aliases: ['older', 'old'] })),
    there: to({ old: 4, s: 'a' }, { s: 'a', new: 4 }),
    back: incompatible({ s: 'a', new: 4 }),
  },
  {
    name: 'an enum by alias',
    one: namespaced('enum', 'Old'),
    other: namespaced('enum', 'New', { aliases: ['Old'] }),
    there: same('A'),
    back: incompatible('A'),
  },
  {
    name: 'a fixed by alias',
    one: namespaced('fixed', 'Old'),
    other: namespaced('fixed', 'New', { aliases: ['Old'] }),
    there: same(bytes('a')),
    back: incompatible(bytes('a')),
  },
  {
    name: 'a record of another name',
    one: namespaced('record', 'One'),
    other: namespaced('record', 'Other'),
    there: otherName({ x: 1 }),
    back: otherName({ x: 1 }),
  },
  {
    name: 'an enum of another name',
    one: namespaced('enum', 'One'),
    other: namespaced('enum', 'Other'),
    there: incompatible('A'),
    back: incompatible('A'),
  },
  {
    name: 'a fixed of another name',
    one: namespaced('fixed', 'One'),
    other: namespaced('fixed', 'Other'),
    there: incompatible(bytes('a')),
    back: incompatible(bytes('a')),
  },
  {
    name: 'a record of another namespace',
    one: namespaced('record', 'a.N'),
    other: namespaced('record', 'b.N'),
    there: same({ x: 1 }),
    back: same({ x: 1 }),
  },
  {
    name: 'an enum of another namespace',
    one: namespaced('enum', 'a.N'),
    other: namespaced('enum', 'N'),
    there: same('A'),
    back: same('A'),
  },
  {
    name: 'a fixed of another namespace',
    one: namespaced('fixed', 'a.N'),
    other: namespaced('fixed', 'b.N'),
    there: same(bytes('a')),
    back: same(bytes('a')),
  },
]

const enums: readonly ResolutionCase[] = [
  {
    name: 'symbols in another order',
    one: colors(['RED', 'GREEN']),
    other: colors(['GREEN', 'RED']),
    there: same('GREEN'),
    back: same('GREEN'),
  },
  {
    name: 'a symbol that the reader lacks',
    one: colors(['RED', 'GREEN']),
    other: colors(['RED']),
    there: incompatible('GREEN'),
    back: same('RED'),
  },
  {
    name: 'a symbol that both have, beside one that the reader lacks',
    one: colors(['RED', 'GREEN']),
    other: colors(['BLUE', 'RED']),
    there: same('RED'),
    back: incompatible('BLUE'),
  },
  {
    name: 'the default of the reader',
    one: colors(['RED', 'GREEN']),
    other: colors(['BLUE', 'RED'], { default: 'BLUE' }),
    there: to('GREEN', 'BLUE'),
    back: incompatible('BLUE'),
  },
  {
    name: 'the default of the writer is none of the reader',
    one: colors(['RED', 'GREEN'], { default: 'RED' }),
    other: colors(['RED']),
    there: incompatible('GREEN'),
    back: same('RED'),
  },
]

const cat: AvroSchema = { type: 'record', name: 'Cat', fields: [field('lives', 'int')] }
const dog: AvroSchema = { type: 'record', name: 'Dog', fields: [field('tricks', 'string')] }

const unions: readonly ResolutionCase[] = [
  { name: 'becomes nullable', one: 'string', other: ['null', 'string'], there: same('a'), back: same('a') },
  {
    name: 'null, read as no null',
    one: 'string',
    other: ['null', 'string'],
    there: same('a'),
    back: incompatible(null),
  },
  {
    name: 'branches in another order',
    one: ['null', 'string'],
    other: ['string', 'null'],
    there: same('a'),
    back: same(null),
  },
  {
    name: 'one branch less',
    one: ['null', 'string', 'int'],
    other: ['null', 'string'],
    there: same('a'),
    back: same(null),
  },
  {
    name: 'a branch that the reader lacks',
    one: ['null', 'string', 'int'],
    other: ['null', 'string'],
    there: incompatible(3),
    back: same('b'),
  },
  {
    name: 'promoted into a branch',
    one: 'int',
    other: ['null', 'double'],
    there: same(3),
    back: incompatible(3),
  },
  {
    name: 'the same type before a promotion',
    one: 'string',
    other: ['bytes', 'string'],
    there: same('a'),
    back: to(bytes('a'), 'a'),
  },
  {
    name: 'promoted into the first that is wide enough',
    one: 'int',
    other: ['string', 'long', 'double'],
    there: same(3),
    back: incompatible(0.5),
  },
  {
    name: 'a float promoted into a branch',
    one: 'float',
    other: ['int', 'double'],
    there: same(0.5),
    back: same(3),
  },
  {
    name: 'every branch promoted',
    one: ['int', 'string'],
    other: ['double', 'bytes'],
    there: to('a', bytes('a')),
    back: incompatible(0.5),
  },
  {
    name: 'no branch in common',
    one: ['null', 'int'],
    other: ['string', 'boolean'],
    there: incompatible(3),
    back: incompatible('a'),
  },
  {
    name: 'records by name',
    one: [cat, dog],
    other: [dog, cat],
    there: same({ Dog: { tricks: 'roll' } }),
    back: same({ Cat: { lives: 9 } }),
  },
  {
    name: 'one record of two',
    one: ['null', cat, dog],
    other: ['null', dog],
    there: to({ Dog: { tricks: 'sit' } }, { tricks: 'sit' }),
    back: to({ tricks: 'sit' }, { Dog: { tricks: 'sit' } }),
  },
  {
    name: 'a record into a union of them',
    one: dog,
    other: [cat, dog],
    there: to({ tricks: 'sit' }, { Dog: { tricks: 'sit' } }),
    back: incompatible({ Cat: { lives: 1 } }),
  },
  {
    name: 'an evolved record in a union',
    one: ['null', cat],
    other: [
      'null',
      {
        type: 'record',
        name: 'Cat',
        fields: [field('lives', 'long'), field('name', 'string', { default: '?' })],
      },
    ],
    there: to({ lives: 9 }, { lives: 9, name: '?' }),
    back: incompatible({ lives: 1, name: 'a' }),
  },
  {
    name: 'the record that fits, of two of the same name in other namespaces',
    one: namespaced('record', 'a.N'),
    other: [
      { type: 'record', name: 'b.N', fields: [field('y', 'int')] },
      { type: 'record', name: 'c.N', fields: [x] },
    ],
    there: to({ x: 1 }, { 'c.N': { x: 1 } }),
    back: to({ 'c.N': { x: 2 } }, { x: 2 }),
  },
  {
    name: 'arrays of unions',
    one: { type: 'array', items: ['null', 'int'] },
    other: { type: 'array', items: ['null', 'long', 'string'] },
    there: same([1, null, 3]),
    back: same([null, null]),
  },
  {
    name: 'a map in a union',
    one: ['null', { type: 'map', values: 'int' }],
    other: [{ type: 'map', values: 'long' }, 'null'],
    there: same({ a: 1 }),
    back: same(null),
  },
]

export const resolutionCases: readonly ResolutionCase[] = [
  ...promotions,
  ...defaults,
  ...structures,
  ...names,
  ...enums,
  ...unions,
]
