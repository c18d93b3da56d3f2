import { avro } from '@busbar/core/avro'
import avsc from 'avsc'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from '../support/assertions.js'
import { encoded, roundTrip, untyped } from './untyped.js'

const test = suite('payloads of avro()')

const field = (name: string, type: unknown, more: object = {}) => ({ name, type, ...more })
const record = (name: string, ...fields: readonly object[]) => ({ type: 'record', name, fields })

const Address = record('Address', field('zip', 'string'), field('lines', { type: 'array', items: 'string' }))
const Person = untyped(
  record(
    'Person',
    field('name', 'string'),
    field('age', 'int'),
    field('address', Address),
    field('tags', { type: 'map', values: 'long' }, { default: {} }),
    field('nickname', ['null', 'string'], { default: null }),
  ),
)
const ada = { name: 'Ada', age: 36, address: { zip: 'E1', lines: ['a', 'b'] } }

const refusal = (codec: { encode(value: unknown): unknown }, value: unknown): string =>
  throws(() => codec.encode(value), 'PAYLOAD_INVALID').message

test('what is read is a plain object, with defaults filled in', () => {
  const read = roundTrip(Person, ada)
  assert.equal(read, { ...ada, tags: {}, nickname: null })
  assert.is(Object.getPrototypeOf(read), Object.prototype)
})

test('the bytes are those of bare avsc', () => {
  const whole = { ...ada, tags: { a: 1, b: -9_007_199_254 }, nickname: 'A' }
  const bare = avsc.Type.forSchema(Person.schema.definition as avsc.Schema, { wrapUnions: 'never' })
  assert.ok(Buffer.from(encoded(Person, whole)).equals(bare.toBuffer(whole)))
})

test('each wrong field is named with what it should be and what it is, and no value is', () => {
  const wrong = { name: 17, age: 1.5, address: { lines: ['a', null] }, tags: { 'k.1': '4711' } }
  assert.is(
    refusal(Person, wrong),
    'this payload is no Person: name: expected string, got number; ' +
      'age: expected int (a whole number of 32 bits), got a number with a fraction; address.zip: missing; ' +
      'address.lines.1: expected string, got null; tags.k.1: expected long (a whole number within 2^53), got string',
  )
})

test('of many problems ten are named', () => {
  const codec = untyped({ type: 'array', items: 'int' })
  const message = refusal(codec, Array.from({ length: 100_000 }, String))
  assert.is(message.split('; ').length, 11)
  assert.ok(message.endsWith('; and more'), message)
})

test('properties that the schema does not declare are not written', () => {
  assert.equal(roundTrip(Person, { ...ada, password: 'x', tags: {} }), { ...ada, tags: {}, nickname: null })
})

const wrongValues: readonly (readonly [unknown, unknown, RegExp])[] = [
  ['int', 2 ** 31, /expected int/],
  ['int', Number.NaN, /got NaN/],
  ['int', '1', /got string/],
  ['int', 1n, /got bigint/],
  ['long', 2 ** 53, /got a number beyond 2\^53/],
  ['long', 1n, /got bigint/],
  ['long', Number.POSITIVE_INFINITY, /got infinity/],
  ['float', 1e300, /expected float/],
  ['double', '1', /got string/],
  ['boolean', 1, /got number/],
  ['null', undefined, /missing/],
  ['string', 'a\ud800', /got a string with an unpaired surrogate/],
  ['string', new String('a'), /got object/],
  ['bytes', [1], /got array/],
  ['bytes', 'a', /got string/],
  [{ type: 'fixed', name: 'F', size: 2 }, new Uint8Array(3), /expected F \(2 bytes\), got 3 bytes/],
  [{ type: 'enum', name: 'E', symbols: ['A', 'B'] }, 'C', /expected E \(A, B\), got string/],
  [{ type: 'enum', name: 'E', symbols: ['A', 'B'] }, 'constructor', /expected E/],
  [{ type: 'array', items: 'int' }, { length: 0 }, /expected array, got object/],
  [{ type: 'array', items: 'int' }, Array(2), /0: missing; 1: missing/],
  [{ type: 'map', values: 'int' }, new Map([['a', 1]]), /expected map, got Map/],
  [{ type: 'map', values: 'int' }, [], /got array/],
  [{ type: 'map', values: 'int' }, new Date(), /got Date/],
  [{ type: 'map', values: 'int' }, { '\udc00': 1 }, /a key has an unpaired surrogate/],
  [record('R'), 'text', /expected R, got string/],
  [record('R', field('a', 'int', { default: 1 })), [], /expected R, got array/],
  [record('R', field('a', 'int', { default: 1 })), Promise.resolve({}), /got Promise/],
  [['null', 'string'], 1, /expected string, got number/],
  [['null', 'string', 'int'], true, /expected null or string or int .*, got boolean/],
  [[record('A'), record('B')], {}, /expected { "A": … } or { "B": … }, got object/],
  [[record('A'), record('B')], { A: {}, B: {} }, /got object/],
  [[record('A', field('x', 'int')), record('B')], { A: { x: 'y' } }, /A.x: expected int/],
]

for (const [schema, value, message] of wrongValues) {
  test(`${JSON.stringify(schema)} refuses ${typeof value} ${Object.prototype.toString.call(value)}`, () => {
    assert.match(refusal(untyped(schema), value), message)
  })
}

const goodValues: readonly (readonly [unknown, unknown])[] = [
  ...[0, -1, 2 ** 31 - 1, -(2 ** 31)].map(value => ['int', value] as const),
  ...[2 ** 52, -(2 ** 52), -(2 ** 52) - 1, 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 31].map(
    value => ['long', value] as const,
  ),
  ...[Number.NaN, Number.NEGATIVE_INFINITY, 0.5].map(value => ['float', value] as const),
  ...[Number.NaN, 1e300, -0, 5e-324].map(value => ['double', value] as const),
  ...['', 'é😀', '\u0000', '\ufeffa', 'x'.repeat(100_000)].map(value => ['string', value] as const),
  ['bytes', new Uint8Array([0, 255])],
  ['bytes', new Uint8Array(0)],
  [{ type: 'fixed', name: 'F', size: 0 }, new Uint8Array(0)],
  [{ type: 'array', items: 'null' }, [null, null]],
  [{ type: 'map', values: 'int' }, JSON.parse('{"__proto__":1,"constructor":2,"":3}')],
  [record('R', field('constructor', 'string'), field('toString', 'int')), { constructor: 'a', toString: 1 }],
  [record('class', field('new', 'int'), field('this', 'int')), { new: 1, this: 2 }],
  [['int', 'string', 'null', 'boolean', { type: 'array', items: 'int' }], [1]],
  [['float', 'double'], 0.1],
  [['int', 'double'], 2 ** 40],
  [[{ type: 'enum', name: 'E', symbols: ['A'] }, 'string'], 'B'],
  [[{ type: 'fixed', name: 'F', size: 1 }, 'bytes'], new Uint8Array(2)],
  [['null', record('a.A'), { type: 'map', values: 'int' }], { 'a.A': {} }],
  [['null', record('A'), { type: 'map', values: 'int' }], { map: { A: 1 } }],
]

for (const [schema, value] of goodValues) {
  test(`${JSON.stringify(schema)} brings ${JSON.stringify(value)?.slice(0, 40)} back`, () => {
    const codec = untyped(schema)
    assert.equal(roundTrip(codec, value), value)
    const bigger = untyped({ type: 'array', items: schema })
    assert.equal(roundTrip(bigger, [value, value]), [value, value])
  })
}

test('a map keeps the key __proto__ to itself', () => {
  const read = roundTrip(
    untyped({ type: 'map', values: { type: 'map', values: 'int' } }),
    JSON.parse('{"__proto__":{"isAdmin":1}}'),
  )
  assert.is((read as { isAdmin?: unknown }).isAdmin, undefined)
  assert.equal(Object.keys(read as object), ['__proto__'])
})

test('a field that every object inherits is missing where it is not given', () => {
  const codec = untyped(
    record('R', field('toString', 'string', { default: 'd' }), field('valueOf', 'string')),
  )
  assert.match(refusal(codec, {}), /: valueOf: missing$/)
  assert.equal(roundTrip(codec, { valueOf: 'v' }), { toString: 'd', valueOf: 'v' })
  class Given {
    get valueOf() {
      return 'v'
    }
  }
  assert.match(refusal(codec, new Given()), /valueOf: missing/)
})

test('longs beyond 2^53 are bigints where that is asked for, and refused otherwise', () => {
  const exact = untyped('long', { long: 'bigint' })
  for (const value of [2n ** 63n - 1n, -(2n ** 63n), 0n, -1n, 2n ** 53n + 1n, -(2n ** 52n) - 1n]) {
    assert.is(roundTrip(exact, value), value)
  }
  assert.match(refusal(exact, 2n ** 63n), /expected long/)
  assert.match(refusal(exact, 1), /got number/)
  const bytes = encoded(exact, 2n ** 53n)
  const { message } = throws(() => untyped('long').decode(bytes, exact.dataSchema), 'DECODE_FAILED')
  assert.match(
    message,
    /beyond 2\^53, which no number holds, in the value: give avro\(\) the option long: 'bigint'/,
  )
})

test('a payload that contains itself, or is too deep for readers, is refused', () => {
  const List = untyped(record('L', field('next', ['null', 'L'], { default: null })))
  const loop: { next?: unknown } = {}
  loop.next = loop
  assert.is(refusal(List, loop), 'this payload is no L: nested too deep, or contains itself')
  const nested = (depth: number): object => (depth === 1 ? {} : { next: nested(depth - 1) })
  assert.equal(JSON.stringify(roundTrip(List, nested(500))).length, '{"next":}'.length * 500 + 'null'.length)
  assert.match(refusal(List, nested(501)), /no reader accepts .*: more than 500 records in one another/)
})

test('more items without bytes than readers accept are refused', () => {
  const empty = record('Empty', field('nothing', 'null'))
  const List = untyped(record('Empties', field('items', ['null', { type: 'array', items: empty }])))
  const items = (count: number) => ({ items: Array.from({ length: count }, () => ({ nothing: null })) })
  assert.equal(roundTrip(List, items(4_000)), items(4_000))
  const message = /^no reader accepts this payload of Empties: more than 10000 items without bytes/
  assert.match(refusal(List, items(20_000)), message)
})

test('the payload is as the getters give it, or refused', () => {
  const codec = untyped(record('R', field('a', 'string')))
  assert.equal(roundTrip(codec, Object.create({ a: 'inherited' })), { a: 'inherited' })
  let reads = 0
  const moody = Object.defineProperty({}, 'a', { get: () => (reads++ === 0 ? 1 : 'text') })
  assert.match(throws(() => codec.encode(moody), 'ENCODE_FAILED').message, /different values/)
})

test('bytes that were read are the handler’s own', () => {
  const codec = avro({ type: 'record', name: 'R', fields: [{ name: 'a', type: 'bytes' }] })
  const value = Buffer.from(codec.encode({ a: new Uint8Array([1, 2]) }) as Uint8Array)
  const { a } = codec.decode(value, codec.dataSchema) as { a: Uint8Array }
  value.fill(9)
  assert.equal(a, new Uint8Array([1, 2]))
  assert.is(Object.getPrototypeOf(a), Uint8Array.prototype)
})

test('defaults are made anew for each record', () => {
  const first = roundTrip(Person, ada) as { tags: Record<string, number> }
  first.tags['a'] = 1
  const evolved = untyped(
    record('Person', field('tags', { type: 'map', values: 'int' }, { default: { a: 1 } })),
  )
  const read = () => evolved.decode(encoded(Person, ada), Person.dataSchema) as { tags: object }
  const writer = untyped(record('Person'))
  const added = () =>
    evolved.decode(encoded(writer, {}), writer.dataSchema) as { tags: Record<string, number> }
  assert.throws(read, /SCHEMA_INCOMPATIBLE|cannot be read as/)
  added().tags['a'] = 2
  assert.equal(added(), { tags: { a: 1 } })
})

test.run()
