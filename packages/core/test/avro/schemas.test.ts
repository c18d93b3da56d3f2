import { createHash } from 'node:crypto'
import { avro } from '@busbar/core/avro'
import { javaAvro } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseForeignSchema } from '../../dist/avro/schema/foreign-schema.js'
import { throws } from '../support/assertions.js'
import { encoded, roundTrip, untyped } from './untyped.js'

const test = suite('schemas of avro()')
const java = await javaAvro()

const record = (name: string, ...fields: readonly object[]) => ({ type: 'record', name, fields })
const user = record('User', { name: 'id', type: 'string' })

const invalid: readonly (readonly [string, unknown, string])[] = [
  ['nothing', undefined, 'the schema: a schema is a name, a union (an array) or an object, got undefined'],
  ['an unknown name', 'User', 'the schema: there is no type "User"'],
  [
    'a default of another type',
    record('R', { name: 'a', type: 'int', default: 'x' }),
    'the default of field a of record R: it is no int',
  ],
  [
    'a default of a later branch',
    record('R', { name: 'a', type: ['null', 'string'], default: 'x' }),
    "of record R: it is no null; that of a union is one of its first branch's",
  ],
  [
    'a default that lacks a field',
    record('R', { name: 'a', type: user, default: {} }),
    'the default of field a of record R: it has no "id"',
  ],
  [
    'a default with a wrong field',
    record('R', { name: 'a', type: { type: 'array', items: user }, default: [{ id: 1 }] }),
    'its "id": it is no string',
  ],
  ['a default that is no bytes', record('R', { name: 'a', type: 'bytes', default: 'ā' }), 'it is no bytes'],
  [
    'a default of another size',
    record('R', { name: 'a', type: { type: 'fixed', name: 'F', size: 2 }, default: 'a' }),
    'it is no F',
  ],
  ['a default beyond 2^53', record('R', { name: 'a', type: 'long', default: 2 ** 60 }), 'it is no long'],
  [
    'a default that is no symbol',
    record('R', { name: 'a', type: { type: 'enum', name: 'E', symbols: ['A'] }, default: 'B' }),
    'it is no E',
  ],
  [
    'a default that contains itself',
    record('R', { name: 'a', type: 'R', default: {} }),
    'the default of field a of record R',
  ],
  [
    'a nested default',
    record('R', { name: 'in', type: record('In', { name: 'b', type: 'boolean', default: 0 }) }),
    'the default of field b of record In: it is no boolean',
  ],
  [
    'a date default that is no date',
    record('R', { name: 'a', type: { type: 'int', logicalType: 'date' }, default: 1e9 }),
    'it is no a date as YYYY-MM-DD',
  ],
  [
    '__proto__',
    record('R', { name: '__proto__', type: 'int' }),
    'field __proto__ of R: no JavaScript object has such a property',
  ],
]

for (const [what, schema, message] of invalid) {
  test(`${what} is refused when the codec is made`, () => {
    const error = throws(() => untyped(schema), 'SCHEMA_INVALID')
    assert.ok(error.message.includes(message), error.message)
  })
}

test('a codec has its schema as data', () => {
  const Codec = avro({ type: 'record', name: 'a.User', fields: [{ name: 'id', type: ['string'] }] })
  assert.is(Codec.contentType, 'application/avro')
  assert.equal(Codec.schema, {
    format: 'avro',
    recordName: 'a.User',
    definition: { type: 'record', name: 'a.User', fields: [{ name: 'id', type: ['string'] }] },
  })
  assert.is(Codec.describes, 'record a.User')
  assert.is(avro(['null', 'int']).describes, 'union')
  assert.equal(avro('int').schema, { format: 'avro', definition: 'int' })
})

test('the data schema is the SHA-256 of the canonical form', () => {
  const form = '{"name":"User","type":"record","fields":[{"name":"id","type":"string"}]}'
  const documented = untyped({ ...user, doc: 'who', aliases: ['Person'] })
  assert.is(documented.dataSchema, `urn:avro:sha256:${createHash('sha256').update(form).digest('hex')}`)
})

if (java) {
  test('the data schema is the fingerprint that Java computes', async () => {
    const schemas = [
      user,
      'string',
      ['null', { type: 'array', items: 'long' }],
      {
        type: 'record',
        name: 'L',
        namespace: 'a.b',
        doc: 'x',
        fields: [
          { name: 'next', type: ['null', 'L'], default: null },
          { name: 'e', type: { type: 'enum', name: 'E', symbols: ['A'], default: 'A' } },
          { name: 'f', type: { type: 'fixed', name: 'c.F', size: 3 } },
          { name: 'm', type: { type: 'map', values: { type: 'int', logicalType: 'date' } } },
        ],
      },
    ]
    for (const schema of schemas) {
      const { fingerprints } = await java.canonical(schema)
      assert.is(untyped(schema).dataSchema, `urn:avro:sha256:${fingerprints['SHA-256']}`)
    }
  })
}

test('a record of an unknown writer can be read once its schema is there', () => {
  const Reader = untyped(user)
  const unknown = `urn:avro:sha256:${'0'.repeat(64)}`
  const error = throws(() => Reader.decode(new Uint8Array(2), unknown), 'SCHEMA_UNKNOWN')
  assert.ok(error.retryable)
  assert.match(
    error.message,
    /does not know\. Give avro\(\) that schema in the option knownWriters, or give the buses/,
  )
})

test('known writers can be given', () => {
  const older = record('User', { name: 'id', type: 'string' }, { name: 'only here', type: 'int' })
  throws(() => untyped(user, { knownWriters: [older] }), 'SCHEMA_INVALID')
  const secret = record('User', { name: 'id', type: 'string' }, { name: 'onlyHere', type: 'int' })
  const form = `{"name":"User","type":"record","fields":[{"name":"id","type":"string"},{"name":"onlyHere","type":"int"}]}`
  const dataSchema = `urn:avro:sha256:${createHash('sha256').update(form).digest('hex')}`
  const bytes = Buffer.from([2, 65, 2])
  throws(() => untyped(user).decode(bytes, dataSchema), 'SCHEMA_UNKNOWN')
  assert.equal(untyped(user, { knownWriters: [secret] }).decode(bytes, dataSchema), { id: 'A' })
})

test('without a fingerprint a record is not read, and the message says why', () => {
  const codec = untyped(user)
  const bytes = encoded(codec, { id: 'a' })
  assert.match(throws(() => codec.decode(bytes), 'DECODE_FAILED').message, /and there is none\. Bytes alone/)
  assert.match(
    throws(() => codec.decode(bytes, 'https://x'), 'DECODE_FAILED').message,
    /it names something else/,
  )
  const framed = Buffer.concat([Buffer.alloc(5), bytes])
  assert.match(throws(() => codec.decode(framed), 'DECODE_FAILED').message, /give createBus\(\) the registry/)
})

test('an incompatible writer is named with field and rule, each time', () => {
  const writer = untyped(record('User', { name: 'name', type: 'string' }))
  const reader = untyped(user)
  for (let time = 0; time < 2; time++) {
    const error = throws(
      () => reader.decode(encoded(writer, { name: 'a' }), writer.dataSchema),
      'SCHEMA_INCOMPATIBLE',
    )
    assert.match(
      error.message,
      /cannot read .* as User: the writer has no such field, and it has no default in the reader in field id of User$/,
    )
    assert.not(error.retryable)
  }
})

const hostile: readonly (readonly [string, string, RegExp])[] = [
  ['no JSON', '{', /not JSON/],
  ['too long', JSON.stringify('x'.repeat(2_000_000)), /2000002 characters/],
  ['too deep', `${'['.repeat(10_000)}${']'.repeat(10_000)}`, /nested deeper than 500/],
  [
    'too many parts',
    JSON.stringify({ type: 'record', name: 'R', fields: Array.from({ length: 60_000 }, () => 0) }).replaceAll(
      '0,',
      '[0],',
    ),
    /more than 50000 parts/,
  ],
]

for (const [what, text, message] of hostile) {
  test(`a schema of somebody else that is ${what} is refused`, () => {
    assert.match(throws(() => parseForeignSchema(text, []), 'SCHEMA_INVALID').message, message)
  })
}

test('a field name or record name of somebody else is no code', () => {
  for (const name of ['a;throw 1', 'a b', 'a"', '', 'ä', "x'+process.exit()+'"]) {
    throws(() => parseForeignSchema(JSON.stringify(record('R', { name, type: 'int' })), []), 'SCHEMA_INVALID')
    throws(
      () => parseForeignSchema(JSON.stringify(record(name, { name: 'a', type: 'int' })), []),
      'SCHEMA_INVALID',
    )
  }
})

test('names that JavaScript reserves are fine', () => {
  const names = [
    'class',
    'function',
    'this',
    'new',
    'v0',
    't0',
    't',
    'b',
    'arguments',
    'eval',
    'Object',
    'undefined',
  ]
  const schema = record('R', ...names.map(name => ({ name, type: record(name, { name, type: 'int' }) })))
  const value = Object.fromEntries(names.map((name, index) => [name, { [name]: index }]))
  assert.equal(roundTrip(untyped(schema), value), value)
})

test.run()
