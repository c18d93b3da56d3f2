import type { AvroSchema } from '@busbar/core/avro'
import {
  type AvroField,
  added,
  bytes,
  colors,
  field,
  incompatible,
  promotion,
  type ResolutionCase,
  record,
  same,
  to,
  x,
} from './resolution-case.js'

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

/** Promotions, defaults and structure. */
export const valueCases: readonly ResolutionCase[] = [...promotions, ...defaults, ...structures]
