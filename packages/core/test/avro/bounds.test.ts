import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from '../support/assertions.js'
import { encoded, untyped } from './untyped.js'

const test = suite('bytes that are no record of a schema')

const record = (name: string, ...fields: readonly object[]) => ({ type: 'record', name, fields })
const User = record('User', { name: 'id', type: 'string' }, { name: 'email', type: 'string' })
const list = (items: unknown) => ({ type: 'array', items })

function failure(schema: unknown, bytes: Uint8Array): string {
  const codec = untyped(schema)
  const { message } = throws(() => codec.decode(bytes, codec.dataSchema), 'DECODE_FAILED')
  return message.slice(message.lastIndexOf(': ') + 2)
}

const repeated = (times: number, ...bytes: readonly number[]): number[] =>
  Array.from({ length: times }, () => bytes).flat()

const varint = (value: bigint): number[] => {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  const bytes: number[] = []
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest)]
}

const cases: readonly (readonly [string, unknown, readonly number[], string])[] = [
  ['cut off', User, [2, 65, 6, 66], 'truncated at byte 4 in field email of User'],
  ['empty', User, [], 'truncated at byte 0 in field id of User'],
  ['too long', User, [2, 65, 0, 0, 0], '2 bytes left over at byte 3'],
  ['a negative length', User, [1], 'a negative length at byte 1 in field id of User'],
  ['a huge length', User, varint(2n ** 62n), 'truncated at byte 10 in field id of User'],
  ['no UTF-8', User, [2, 0xff, 0], 'a string that is not UTF-8 at byte 1 in field id of User'],
  [
    'an encoded surrogate',
    'string',
    [6, 0xed, 0xa0, 0x80],
    'a string that is not UTF-8 at byte 1 in the value',
  ],
  ['an int of 33 bits', 'int', varint(2n ** 31n), 'an int of more than 32 bits at byte 0 in the value'],
  [
    'an int in six bytes',
    'int',
    [0x80, 0x80, 0x80, 0x80, 0x80, 0],
    'an int of more than 32 bits at byte 0 in the value',
  ],
  [
    'a long of 65 bits',
    'long',
    [...repeated(9, 0xff), 2],
    'a number of more than 64 bits at byte 0 in the value',
  ],
  [
    'a long in eleven bytes',
    'long',
    [...repeated(10, 0x80), 0],
    'a number of more than 64 bits at byte 0 in the value',
  ],
  ['a long without end', 'long', [0x80, 0x80], 'truncated at byte 2 in the value'],
  ['a boolean of 2', 'boolean', [2], 'a boolean that is neither 0 nor 1 at byte 0 in the value'],
  ['half a float', 'float', [0, 0], 'truncated at byte 2 in the value'],
  ['half a double', 'double', [0, 0, 0, 0], 'truncated at byte 4 in the value'],
  ['half a fixed', { type: 'fixed', name: 'F', size: 3 }, [0, 0], 'truncated at byte 2 in the value'],
  [
    'no symbol',
    { type: 'enum', name: 'E', symbols: ['A'] },
    [2],
    'an index that the enum does not have at byte 0 in the value',
  ],
  [
    'a negative symbol',
    { type: 'enum', name: 'E', symbols: ['A'] },
    [1],
    'an index that the enum does not have at byte 0 in the value',
  ],
  ['no branch', ['null', 'int'], [4], 'an index that the union does not have at byte 0 in the value'],
  [
    'more items than bytes',
    list('int'),
    varint(1_000_000n),
    'a block of more items than bytes are left at byte 0 in the value',
  ],
  [
    'more doubles than bytes',
    list('double'),
    [6, ...repeated(23, 0)],
    'a block of more items than bytes are left at byte 0 in the value',
  ],
  ['2^63 items', list('int'), varint(-(2n ** 63n)), 'truncated at byte 10 in the value'],
  [
    'a million nulls',
    list('null'),
    [...varint(1_000_000n), 0],
    'more than 10000 items without bytes at byte 3 in the value',
  ],
  [
    'a million nulls in a sized block',
    list('null'),
    [...varint(-1_000_000n), 0, 0],
    'more than 10000 items without bytes at byte 4 in the value',
  ],
  [
    'nulls in many blocks',
    list('null'),
    [...repeated(101, ...varint(100n)), 0],
    'more than 10000 items without bytes at byte 202 in the value',
  ],
  [
    'many empty records',
    list(record('R')),
    [...varint(20_000n), 0],
    'more than 10000 items without bytes at byte 3 in the value',
  ],
  [
    'a block of another size',
    list('int'),
    [1, 4, 2, 0],
    'a block that is not of the size it names at byte 0 in the value',
  ],
  [
    'a block of a negative size',
    list('int'),
    [1, 1, 2, 0],
    'a block of a negative size at byte 0 in the value',
  ],
  ['an array without end', list('int'), [2, 2], 'truncated at byte 2 in the value'],
  [
    'a map without keys',
    { type: 'map', values: 'null' },
    varint(5n),
    'a block of more items than bytes are left at byte 0 in the value',
  ],
]

for (const [what, schema, bytes, message] of cases) {
  test(`${what}: ${message}`, () => assert.is(failure(schema, Uint8Array.from(bytes)), message))
}

test('blocks with a size, as other libraries write them, are read', () => {
  const codec = untyped(list('int'))
  assert.equal(codec.decode(Uint8Array.from([3, 4, 2, 4, 2, 6, 0]), codec.dataSchema), [1, 2, 3])
  const map = untyped({ type: 'map', values: 'int' })
  assert.equal(map.decode(Uint8Array.from([1, 6, 2, 65, 2, 0]), map.dataSchema), { A: 1 })
})

test('a record in the middle of a buffer is read as far as it goes', () => {
  const codec = untyped(User)
  const bytes = encoded(codec, { id: 'é', email: 'b' })
  const inside = new Uint8Array(100).fill(7)
  inside.set(bytes, 50)
  assert.equal(codec.decode(inside.subarray(50, 50 + bytes.length), codec.dataSchema), {
    id: 'é',
    email: 'b',
  })
})

test('nesting is bounded, by records', () => {
  const tree = record('T', { name: 'items', type: list('T') })
  const depth = (levels: number) =>
    Uint8Array.from([...repeated(levels - 1, 2), 0, ...repeated(levels - 1, 0)])
  const codec = untyped(tree)
  assert.ok(codec.decode(depth(500), codec.dataSchema))
  assert.is(failure(tree, depth(501)), 'more than 500 records in one another at byte 500 in T')
  assert.is(failure(tree, depth(100_000)), 'more than 500 records in one another at byte 500 in T')
})

test('deep nesting of arrays in records exhausts no stack', () => {
  let items: unknown = 'T'
  for (let level = 0; level < 60; level++) items = list(items)
  const tree = record('T', { name: 'items', type: items })
  const codec = untyped(tree)
  const bytes = new Uint8Array(200_000).fill(2)
  const { message } = throws(() => codec.decode(bytes, codec.dataSchema), 'DECODE_FAILED')
  assert.match(message, /in one another|call stack/)
})

test('a schema of few names that doubles at each does not make few bytes a huge value', () => {
  const levels = Array.from({ length: 40 }, (_, level) =>
    record(`R${level}`, ...(level === 0 ? [] : ['a', 'b'].map(name => ({ name, type: `R${level - 1}` })))),
  )
  const [first, ...rest] = levels
  const nested = rest.reduce((inner: object, level) => {
    const [a, b] = (level as unknown as { fields: readonly object[] }).fields
    return { ...level, fields: [{ ...a, type: inner }, b] }
  }, first as object)
  assert.is(
    failure(nested, new Uint8Array(0)),
    'more than 10000 items without bytes at byte 0 in field a of R2',
  )
})

test.run()
