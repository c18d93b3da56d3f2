import type { AvroSchema } from '@busbar/core/avro'
import {
  bytes,
  colors,
  type Direction,
  field,
  incompatible,
  type ResolutionCase,
  record,
  same,
  to,
  x,
} from './resolution-case.js'

const namespaced = (type: 'enum' | 'fixed' | 'record', name: string, more: object = {}): AvroSchema => ({
  type,
  name,
  ...(type === 'enum' ? { symbols: ['A'] } : type === 'fixed' ? { size: 1 } : { fields: [x] }),
  ...more,
})
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

/** Names, symbols and branches. */
export const nameCases: readonly ResolutionCase[] = [...names, ...enums, ...unions]
