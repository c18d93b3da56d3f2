import { BusbarError, type Codec, defineEvent } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { type } from 'arktype'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import * as z from 'zod'
import { codecOf } from '../dist/codec.js'
import { rejects, throws } from './support/assertions.js'
import { bytes, text } from './support/deliveries.js'

const test = suite('codec')
const json = codecOf<unknown, unknown>(undefined)
const encode = (payload: unknown) => text(json.encode(payload) as Uint8Array)

for (const payload of [null, 0, '', 'ä€😀', [], { a: [1, { b: null }] }, true]) {
  test(`JSON brings ${JSON.stringify(payload)} back`, () => {
    assert.equal(json.decode(json.encode(payload) as Uint8Array), payload)
  })
}

test('undefined is no bytes, and no bytes are undefined', () => {
  assert.is((json.encode(undefined) as Uint8Array).length, 0)
  assert.is(json.decode(new Uint8Array(0)), undefined)
})

test('lone surrogates survive, escaped', () => {
  assert.is(encode('\ud800'), '"\\ud800"')
  assert.is(json.decode(bytes('"\\ud800"')), '\ud800')
})

test('what JSON cannot hold is refused, and the message names nothing of the payload', () => {
  const circular: Record<string, unknown> = {}
  circular['secret-name'] = { 'secret-other': circular }
  for (const payload of [1n, { secret: 1n }, circular, () => 'secret', Symbol('secret')]) {
    const error = throws(() => json.encode(payload), 'ENCODE_FAILED')
    assert.not.match(error.message, /secret/)
  }
})

test('bytes that are no JSON or no UTF-8 are refused, and the message quotes nothing of them', () => {
  const secret = bytes('{"card":"4711-secret" oops')
  assert.not.match(throws(() => json.decode(secret), 'DECODE_FAILED').message, /4711|secret|card|oops/)
  const cut = bytes('"€"').slice(0, 3)
  assert.match(throws(() => json.decode(cut), 'DECODE_FAILED').message, /UTF-8/)
})

test('a byte order mark before JSON is passed over', () => {
  assert.equal(json.decode(Uint8Array.from([0xef, 0xbb, 0xbf, ...bytes('{"a":1}')])), { a: 1 })
})

test('a key named __proto__ stays a key', () => {
  const decoded = json.decode(bytes('{"__proto__":{"admin":true}}')) as { admin?: boolean }
  assert.is(decoded.admin, undefined)
  assert.ok(Object.hasOwn(decoded, '__proto__'))
})

const schemas = {
  zod: z.object({
    email: z.email(),
    age: z.coerce.number().default(7),
    seen: z.number().transform(n => n + 1),
  }),
  valibot: v.object({
    email: v.pipe(v.string(), v.email()),
    age: v.optional(v.number(), 7),
    seen: v.pipe(
      v.number(),
      v.transform(n => n + 1),
    ),
  }),
  arktype: type({ email: 'string.email', age: 'number = 7', seen: type.number.pipe(n => n + 1) }),
}

for (const [vendor, schema] of Object.entries(schemas)) {
  const codec = codecOf(schema as (typeof schemas)['zod'])

  test(`${vendor}: defaults and conversions are applied once, by the reader`, () => {
    const written = codec.encode({ email: 'ada@example.com', seen: 1 }) as Uint8Array
    assert.is(text(written), '{"email":"ada@example.com","seen":1}')
    assert.equal(codec.decode(written), { email: 'ada@example.com', age: 7, seen: 2 })
  })

  test(`${vendor}: both sides refuse a payload that does not match, name the path and never the value`, () => {
    const wrong = { email: 'secret-value', seen: 1 }
    const encoding = throws(() => codec.encode(wrong), 'PAYLOAD_INVALID')
    const decoding = throws(() => codec.decode(bytes(JSON.stringify(wrong))), 'PAYLOAD_INVALID')
    for (const { message } of [encoding, decoding]) {
      assert.match(message, /email/)
      assert.not.match(message, /secret-value/)
    }
  })

  test(`${vendor}: a wrong type deep inside is named by its path, without the value`, () => {
    const error = throws(
      () => codec.encode({ email: 'a@b.co', seen: 'secret-value' as never }),
      'PAYLOAD_INVALID',
    )
    assert.match(error.message, /seen/)
    assert.not.match(error.message, /secret-value/)
  })
}

test('an asynchronous schema works on both sides', async () => {
  const taken = z.string().refine(async name => name !== 'taken')
  const codec = codecOf<string, string>(taken)
  const written = await deadline(1_000, 'encode', async () => codec.encode('free'))
  assert.is(await deadline(1_000, 'decode', async () => codec.decode(written)), 'free')
  await rejects(deadline(1_000, 'encode', Promise.resolve(codec.encode('taken'))), 'PAYLOAD_INVALID')
  await rejects(deadline(1_000, 'decode', Promise.resolve(codec.decode(bytes('"taken"')))), 'PAYLOAD_INVALID')
})

test('a codec of its own is used as it is', () => {
  const own: Codec<string> = { contentType: 'text/plain', encode: bytes, decode: text }
  assert.is(codecOf<string, string>(own), own)
  assert.is(defineEvent('e', { schema: own }).codec, own)
})

test('what is neither a schema nor a codec is refused where it is declared', () => {
  for (const schema of [null, 7, 'x', {}, { encode() {} }]) {
    throws(() => defineEvent('e', { schema: schema as never }), 'CONFIG_INVALID')
  }
})

test('a BusbarError is wrapped by none, anything else keeps its cause', () => {
  const original = new BusbarError('ABORTED', 'x')
  assert.is(BusbarError.from(original, 'INTERNAL', 'y'), original)
  const wrapped = BusbarError.from('text', 'PUBLISH_FAILED', 'publishing')
  assert.equal([wrapped.message, wrapped.cause, wrapped.retryable], ['publishing: text', 'text', true])
  assert.is(BusbarError.from(null, 'INTERNAL', 'x').message, 'x: a thrown null')
})

for (const [library, schema] of [
  ['zod', z.object({ at: z.date() })],
  ['valibot', v.object({ at: v.date() })],
  ['arktype', type({ at: 'Date' })],
] as const) {
  test(`a date that ${library} would refuse as text is refused when it is published, not by every reader`, async () => {
    const codec = codecOf<{ at: Date }, unknown>(schema)
    const encoding = (async () => codec.encode({ at: new Date(0) }))()
    const error = await rejects(encoding, 'PAYLOAD_INVALID')
    assert.match(error.message, /^JSON turns this payload into what its readers refuse: at: /)
    assert.not.match(error.message, /1970/)
  })
}

test('a date that the schema converts from text is published, also by an asynchronous schema', async () => {
  const at = new Date('2026-01-31T10:00:00Z')
  const converting = codecOf<{ at: unknown }, { at: Date }>(z.object({ at: z.coerce.date() }))
  assert.equal(converting.decode(converting.encode({ at }) as Uint8Array), { at })
  const later = codecOf<{ at: Date }, unknown>(z.object({ at: z.date().refine(async () => true) }))
  await rejects((async () => later.encode({ at }))(), 'PAYLOAD_INVALID')
})

test('what JSON carries as it is is validated once', async () => {
  let validations = 0
  const counting = codecOf<unknown, unknown>({
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: value => {
        validations += 1
        return { value }
      },
    },
  })
  const plain = { a: [1, 'b', null, { c: true, d: undefined }], e: Object.create(null) as object }
  await counting.encode(plain)
  assert.is(validations, 1)
  for (const odd of [new Map(), [undefined], Number.NaN, { a: new (class Money {})() }]) {
    validations = 0
    await counting.encode(odd)
    assert.is(validations, 2)
  }
})

test.run()
