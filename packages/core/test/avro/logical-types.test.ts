import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from '../support/assertions.js'
import { encoded, roundTrip, untyped } from './untyped.js'

const test = suite('logical types of avro()')

const millis = { type: 'long', logicalType: 'timestamp-millis' }
const micros = { type: 'long', logicalType: 'timestamp-micros' }
const date = { type: 'int', logicalType: 'date' }
const uuid = { type: 'string', logicalType: 'uuid' }
const fixedUuid = { type: 'fixed', name: 'Id', size: 16, logicalType: 'uuid' }
const decimal = (precision: number, scale?: number) => ({
  type: 'bytes',
  logicalType: 'decimal',
  precision,
  scale,
})
const fixedDecimal = { type: 'fixed', name: 'D', size: 4, logicalType: 'decimal', precision: 9, scale: 3 }
const record = (...fields: readonly object[]) => ({ type: 'record', name: 'R', fields })
const anId = '0198c0de-7000-7000-8000-00000000000f'

const values: readonly (readonly [object, unknown])[] = [
  [millis, new Date(0)],
  [millis, new Date(1_700_000_000_123)],
  [millis, new Date(-8.64e15)],
  [micros, 0n],
  [micros, -(2n ** 63n)],
  [date, '1970-01-01'],
  [date, '1969-12-31'],
  [date, '0000-01-01'],
  [date, '9999-12-31'],
  [date, '2024-02-29'],
  [uuid, anId],
  [fixedUuid, anId],
  ...['0.00', '-0.01', '1.28', '-1.28', '2.55', '-327.68', '99999999.99', '-99999999.99'].map(
    text => [decimal(10, 2), text] as const,
  ),
  [decimal(1), '-9'],
  [decimal(60, 30), `${'9'.repeat(30)}.${'1'.repeat(30)}`],
  [fixedDecimal, '-999999.999'],
  [fixedDecimal, '0.001'],
  [{ ...fixedDecimal, size: 16, precision: 4, scale: 2 }, '-1.25'],
  [{ ...fixedDecimal, size: 16, precision: 4, scale: 2 }, '99.99'],
]

for (const [schema, value] of values) {
  test(`${JSON.stringify(schema)} brings ${String(value)} back, in a union, an array and a map, too`, () => {
    assert.equal(roundTrip(untyped(schema), value), value)
    const nested = untyped({ type: 'map', values: { type: 'array', items: ['null', schema] } })
    assert.equal(roundTrip(nested, { a: [value, null], b: [] }), { a: [value, null], b: [] })
  })
}

const bytesOf: readonly (readonly [object, unknown, string])[] = [
  // As java.math.BigInteger.toByteArray writes them.
  [decimal(10, 2), '1.27', '027f'],
  [decimal(10, 2), '1.28', '040080'],
  [decimal(10, 2), '-1.28', '0280'],
  [decimal(10, 2), '-1.29', '04ff7f'],
  [decimal(10, 2), '0', '0200'],
  [decimal(10, 2), '+01.5', '040096'],
  [fixedDecimal, '-0.001', 'ffffffff'],
  [fixedUuid, anId, '0198c0de70007000800000000000000f'],
  [date, '1970-01-02', '02'],
  [millis, new Date(1), '02'],
]

for (const [schema, value, hex] of bytesOf) {
  test(`${JSON.stringify(schema)} writes ${String(value)} as ${hex}`, () => {
    assert.is(Buffer.from(encoded(untyped(schema), value)).toString('hex'), hex)
  })
}

const refused: readonly (readonly [object, unknown, RegExp])[] = [
  [millis, new Date(Number.NaN), /expected a valid Date, got an invalid Date/],
  [millis, 0, /got number/],
  [micros, 0, /expected microseconds as a bigint, got number/],
  [date, '2023-02-29', /expected a date as YYYY-MM-DD, got string/],
  [date, '2023-2-9', /got string/],
  [date, new Date(), /got Date/],
  [
    decimal(4, 2),
    '100',
    /expected a decimal of at most 4 digits as text, 2 of them after the point, got string/,
  ],
  [decimal(4, 2), '1.234', /got string/],
  [decimal(4, 2), '1e3', /got string/],
  [decimal(4, 2), '', /got string/],
  [decimal(4, 2), 1, /got number/],
  [decimal(4, 2), '1'.repeat(10_000_000), /got string/],
  [uuid, 'not-a-uuid', /expected a UUID, got string/],
]

for (const [schema, value, message] of refused) {
  test(`${JSON.stringify(schema)} refuses ${String(value).slice(0, 30)}`, () => {
    const error = throws(
      () => untyped(record({ name: 'f', type: ['null', schema] })).encode({ f: value }),
      'PAYLOAD_INVALID',
    )
    assert.match(error.message, /no R: f: expected/)
    assert.match(error.message, message)
  })
}

const unreadable: readonly (readonly [string, object, unknown, object])[] = [
  ['a date beyond what Date holds', { type: 'long' }, 9e15, millis],
  ['a year of five digits', { type: 'int' }, 3_000_000, date],
  ['a decimal of no bytes', { type: 'bytes' }, new Uint8Array(0), decimal(4, 2)],
  ['a decimal of too many digits', { type: 'bytes' }, new Uint8Array([39, 16]), decimal(4, 2)],
  ['a decimal that would take long', { type: 'bytes' }, new Uint8Array(1_000_000).fill(1), decimal(4, 2)],
  ['a text that is no UUID', { type: 'string' }, 'x', uuid],
]

for (const [what, writer, value, reader] of unreadable) {
  test(`what was written without the logical type and is ${what} is not read`, () => {
    const bytes = encoded(untyped(writer), value)
    const error = throws(() => untyped(reader).decode(bytes, untyped(writer).dataSchema), 'DECODE_FAILED')
    assert.match(error.message, /a value that its conversion refuses in the value: expected/)
  })
}

test('of a union the branch is taken whose conversion takes the value', () => {
  const Either = untyped(['null', millis, date, decimal(4, 1), 'string', 'boolean'])
  for (const value of [new Date(5), '2020-01-01', '12.5', 'text', true, null]) {
    assert.equal(roundTrip(Either, value), value)
  }
})

test('defaults are converted', () => {
  const fields = [
    { name: 'at', type: millis, default: 1000 },
    { name: 'exact', type: micros, default: -1 },
    { name: 'day', type: [date, 'null'], default: 1 },
    { name: 'price', type: decimal(4, 2), default: '\u00ff' },
    { name: 'days', type: { type: 'array', items: date }, default: [0, 1] },
  ]
  const expected = {
    at: new Date(1000),
    exact: -1n,
    day: '1970-01-02',
    price: '-0.01',
    days: ['1970-01-01', '1970-01-02'],
  }
  assert.equal(roundTrip(untyped(record(...fields)), {}), expected)
  const older = untyped(record())
  assert.equal(untyped(record(...fields)).decode(encoded(older, {}), older.dataSchema), expected)
})

test('promoted values are converted', () => {
  const int = untyped('int')
  assert.equal(untyped(millis).decode(encoded(int, 7), int.dataSchema), new Date(7))
  assert.is(untyped(micros).decode(encoded(int, -7), int.dataSchema), -7n)
})

for (const [one, other] of [
  [millis, micros],
  [date, millis],
  [decimal(4, 2), decimal(4, 1)],
  ['string', decimal(4, 2)],
  [decimal(4, 2), 'string'],
] as const) {
  test(`${JSON.stringify(one)} is not read as ${JSON.stringify(other)}, which would give other values`, () => {
    const writer = untyped(record({ name: 'f', type: one }, { name: 'x', type: 'int' }))
    const reader = untyped(record({ name: 'f', type: other }))
    const value = {
      f: one === 'string' ? '1' : one === millis ? new Date(0) : one === date ? '1970-01-01' : '1.00',
      x: 1,
    }
    const error = throws(
      () => reader.decode(encoded(writer, value), writer.dataSchema),
      'SCHEMA_INCOMPATIBLE',
    )
    assert.match(error.message, /in field f of R$/)
  })
}

test('a decimal may grow in precision', () => {
  const writer = untyped(record({ name: 'f', type: decimal(4, 2) }, { name: 'x', type: 'int' }))
  const reader = untyped(record({ name: 'f', type: decimal(9, 2) }))
  assert.equal(reader.decode(encoded(writer, { f: '1.25', x: 1 }), writer.dataSchema), { f: '1.25' })
})

const illDeclared: readonly (readonly [object, RegExp])[] = [
  [{ type: 'string', logicalType: 'timestamp-millis' }, /"timestamp-millis" belongs to long, not to string/],
  [{ type: 'long', logicalType: 'date' }, /belongs to int, not to long/],
  [{ type: 'bytes', logicalType: 'decimal' }, /a decimal needs "precision"/],
  [decimal(2, 3), /"scale" must be a number of digits, at most the precision 2/],
  [
    { type: 'fixed', name: 'F', size: 2, logicalType: 'decimal', precision: 5 },
    /2 bytes hold 4 digits, and "precision" is 5/,
  ],
  [{ type: 'fixed', name: 'F', size: 15, logicalType: 'uuid' }, /needs "size" 16/],
]

for (const [schema, message] of illDeclared) {
  test(`${JSON.stringify(schema)} is refused in our own schema, and ignored in a writer's`, () => {
    assert.match(
      throws(() => untyped(record({ name: 'f', type: schema })), 'SCHEMA_INVALID').message,
      message,
    )
    const { logicalType, ...plain } = schema as {
      readonly logicalType: string
      readonly type: string
      size?: number
    }
    const more = { name: 'more', type: 'int', default: 1 }
    const writer = untyped(record({ name: 'f', type: schema }, more), {
      conversions: { [logicalType]: false },
    })
    const reader = untyped(record({ name: 'f', type: plain }))
    const value = { string: 'a', long: 4 }[plain.type] ?? new Uint8Array(plain.size ?? 3)
    assert.equal(reader.decode(encoded(writer, { f: value }), writer.dataSchema), { f: value })
  })
}

test.run()
