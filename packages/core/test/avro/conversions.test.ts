import { avro, defineConversion } from '@busbar/core/avro'
import { expectTypeOf } from 'expect-type'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from '../support/assertions.js'
import { encoded, roundTrip, untyped } from './untyped.js'

const test = suite('conversions of avro()')

const millis = { type: 'long', logicalType: 'timestamp-millis' }
const cents = { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 }
const record = (...fields: readonly object[]) => ({ type: 'record', name: 'R', fields })

const minutes = defineConversion<number, string>({
  toAvro: text => {
    const [hours = Number.NaN, rest = Number.NaN] = text.split(':').map(Number)
    if (!(rest < 60)) throw new Error('a time is HH:MM')
    return hours * 60 + rest
  },
  fromAvro: raw => {
    if (raw >= 1440) throw new Error('a day has 1440 minutes')
    return `${Math.floor(raw / 60)}:${raw % 60}`
  },
})
const text = { name: 'text', type: 'string', default: 'a default of some length' } as const

const shift = {
  type: 'record',
  name: 'Shift',
  fields: [{ name: 'from', type: { type: 'int', logicalType: 'minutes-of-day' } }],
} as const

test('a conversion of one’s own gives values and types; what it refuses is told with its reason', () => {
  const Shift = avro(shift, { conversions: { 'minutes-of-day': minutes } })
  const read = Shift.decode(Shift.encode({ from: '9:30' }) as Uint8Array, Shift.dataSchema)
  expectTypeOf(read).toEqualTypeOf<{ from: string } | Promise<{ from: string }>>()
  assert.equal(read, { from: '9:30' })
  const { message } = throws(() => Shift.encode({ from: '9:99' }), 'PAYLOAD_INVALID')
  assert.is(
    message,
    'this payload is no Shift: from: expected a value that the conversion of "minutes-of-day" takes, got string (a time is HH:MM)',
  )
  const Plain = avro(shift)
  const bytes = Plain.encode({ from: 2000 }) as Uint8Array
  const error = throws(() => Shift.decode(bytes, Plain.dataSchema), 'DECODE_FAILED')
  assert.match(error.message, /in field from of Shift: expected .* \(a day has 1440 minutes\)$/)
  assert.instance(error.cause, Error)
})

test('a conversion that gives what its type is not is found out', () => {
  const Shift = avro(shift, {
    conversions: { 'minutes-of-day': defineConversion<number, string>({ ...minutes, toAvro: () => 1.5 }) },
  })
  assert.match(
    throws(() => Shift.encode({ from: 'x' }), 'PAYLOAD_INVALID').message,
    /from: its conversion gave a number with a fraction, expected int/,
  )
})

test('a standard conversion can be replaced, and switched off', () => {
  const asNumber = defineConversion<number, number>({ toAvro: value => value, fromAvro: raw => raw + 1 })
  assert.is(roundTrip(untyped(millis, { conversions: { 'timestamp-millis': asNumber } }), 1), 2)
  assert.is(roundTrip(untyped(millis, { conversions: { 'timestamp-millis': false } }), 1), 1)
  assert.equal(
    roundTrip(untyped(cents, { conversions: { decimal: false } }), new Uint8Array([1])),
    new Uint8Array([1]),
  )
})

test('a codec inside of another keeps its own options', () => {
  const Inner = avro(
    {
      type: 'record',
      name: 'Inner',
      fields: [
        { name: 'big', type: 'long' },
        { name: 'shift', type: shift },
      ],
    },
    { long: 'bigint', conversions: { 'minutes-of-day': minutes } },
  )
  const Outer = avro({
    type: 'record',
    name: 'Outer',
    fields: [
      { name: 'small', type: 'long' },
      { name: 'inner', type: Inner },
      { name: 'more', type: { type: 'array', items: 'Inner' } },
    ],
  })
  const inner = { big: 2n ** 60n, shift: { from: '1:2' } }
  const value = { small: 1, inner, more: [inner] }
  const read = Outer.decode(Outer.encode(value) as Uint8Array, Outer.dataSchema)
  expectTypeOf(read)
    .exclude<Promise<unknown>>()
    .toHaveProperty('inner')
    .toEqualTypeOf<{ big: bigint; shift: { from: string } }>()
  assert.equal(read, value)
  assert.is(Outer.describes, 'record Outer')
})

test('a conversion may encode with another codec', () => {
  const Inner = untyped({ type: 'array', items: 'string' })
  const packed = defineConversion<Uint8Array, unknown>({
    toAvro: value => encoded(Inner, value),
    fromAvro: raw => Inner.decode(raw, Inner.dataSchema),
  })
  const Outer = untyped(
    record(
      { name: 'a', type: 'string' },
      { name: 'p', type: { type: 'bytes', logicalType: 'packed' } },
      { name: 'z', type: 'string' },
    ),
    { conversions: { packed } },
  )
  const value = { a: 'first', p: ['x'.repeat(50), 'y'], z: 'last' }
  assert.equal(roundTrip(Outer, value), value)
})

test('a conversion may encode with another codec, also while a default is encoded', () => {
  const Inner = avro({ type: 'record', name: 'Inner', fields: [text] })
  const sealed = defineConversion<Uint8Array, object>({
    toAvro: value => Inner.encode(value) as Uint8Array,
    fromAvro: bytes => (bytes.length === 0 ? {} : Inner.decode(bytes, Inner.dataSchema)),
  })
  const pair = {
    type: 'record',
    name: 'Pair',
    fields: [
      { name: 'before', type: 'string' },
      { name: 'inner', type: { type: 'bytes', logicalType: 'sealed' } },
    ],
  } as const
  const Outer = avro(
    {
      type: 'record',
      name: 'Outer',
      fields: [{ name: 'pair', type: pair, default: { before: 'b', inner: '' } }],
    },
    { conversions: { sealed } },
  )
  const decoded = Outer.decode(Outer.encode({}) as Uint8Array, Outer.dataSchema)
  assert.equal(decoded, { pair: { before: 'b', inner: { text: 'a default of some length' } } })
})

test.run()
