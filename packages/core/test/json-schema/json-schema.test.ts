import { createBus, defineEvent } from '@busbar/core'
import { jsonSchema } from '@busbar/core/json-schema'
import { deadline } from '@busbar/testkit'
import { memoryTransport } from '@busbar/transport-memory'
import addFormats from 'ajv-formats'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as z from 'zod'
import { throws } from '../support/assertions.js'
import { bytes, text } from '../support/deliveries.js'

const test = suite('json-schema')

const user = {
  title: 'User',
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: {
    id: { type: 'string', minLength: 1 },
    role: { type: 'string', default: 'guest' },
    tags: { type: 'array', items: { type: 'string' }, default: [] },
    address: { type: 'object', properties: { city: { type: 'string', default: 'London' } } },
  },
} as const

const codec = jsonSchema(user)
const written = (payload: unknown) => text(codec.encode(payload as never) as Uint8Array)
const read = (json: string) => codec.decode(bytes(json))

test('defaults are applied once, by the reader, and the payload stays as it was given', () => {
  const payload = Object.freeze({ id: '1', address: Object.freeze({}) })
  assert.is(written(payload), '{"id":"1","address":{}}')
  assert.equal(read('{"id":"1","address":{}}'), {
    id: '1',
    role: 'guest',
    tags: [],
    address: { city: 'London' },
  })
})

test('a default is a new value each time', () => {
  const first = read('{"id":"1"}') as { tags: string[] }
  first.tags.push('mine')
  assert.equal((read('{"id":"1"}') as { tags: string[] }).tags, [])
})

const faults: readonly (readonly [title: string, payload: unknown, message: RegExp])[] = [
  ['a missing property', {}, /^must have required property 'id' \(required\)$/],
  ['a wrong type', { id: 'secret-7', role: 4711 }, /^role: must be string \(type\)$/],
  ['a wrong element', { id: '1', tags: ['a', { secret: 4711 }] }, /^tags\.1: must be string \(type\)$/],
  ['a rule of strings', { id: '' }, /^id: must NOT have fewer than 1 characters \(minLength\)$/],
  ['a property too many', { id: '1', extra: 4711 }, /^must not have the property "extra" \(additional/],
  ['a wrong root', [4711], /^must be object \(type\)$/],
  ['nothing at all', undefined, /^must be object \(type\)$/],
]
for (const [title, payload, message] of faults) {
  test(`${title} is refused on both sides, by path and rule, never with the value`, () => {
    const encoding = throws(() => written(payload), 'PAYLOAD_INVALID')
    const decoding = throws(() => read(JSON.stringify(payload) ?? ''), 'PAYLOAD_INVALID')
    for (const error of [encoding, decoding]) {
      assert.match(error.message, message)
      assert.not.match(error.message, /4711|secret/)
      assert.not(error.retryable)
    }
  })
}

test('bytes that are no JSON are DECODE_FAILED', () => {
  assert.not.match(throws(() => read('{"id": secret'), 'DECODE_FAILED').message, /secret/)
})

test('what a required property inherits is not there', () => {
  const strict = jsonSchema({ type: 'object', required: ['toString'] })
  throws(() => strict.decode(bytes('{}')), 'PAYLOAD_INVALID')
})

test('a message has bounds, whatever the payload', () => {
  const numbers = jsonSchema({ type: 'object', additionalProperties: { type: 'number' } })
  const key = 'k'.repeat(100_000)
  const { message } = throws(() => numbers.decode(bytes(`{"${key}":"x"}`)), 'PAYLOAD_INVALID')
  assert.ok(message.length < 300, String(message.length))
  const branches = Array.from({ length: 50 }, (_, index) => ({ const: index }))
  const any = jsonSchema<number>({ anyOf: branches })
  assert.match(throws(() => any.decode(bytes('99')), 'PAYLOAD_INVALID').message, /and 46 more$/)
})

test('a payload nested deeper than the stack is refused, and does not end the process', () => {
  const tree = jsonSchema<unknown>({ type: 'array', items: { $ref: '#' } })
  const deep = '['.repeat(200_000) + ']'.repeat(200_000)
  const { message } = throws(() => tree.decode(bytes(deep)), 'PAYLOAD_INVALID')
  assert.match(message, /nested too deep/)
})

for (const [title, schema, message] of [
  ['a type that does not exist', { type: 'strng' }, /schema\/type must be equal to one of/],
  ['a misspelt keyword', { type: 'object', requird: ['id'] }, /unknown keyword: "requird"/],
  ['a reference to nowhere', { $ref: '#/definitions/missing' }, /can't resolve reference/],
  ['a pattern that is none', { type: 'string', pattern: '(' }, /Unterminated group/],
  ['an unknown format', { type: 'string', format: 'email' }, /unknown format "email".*addFormats/],
  [
    'a default that could not be applied',
    { anyOf: [{ properties: { a: { default: 1 } } }] },
    /default is ignored/,
  ],
  ['another version', { $schema: 'http://json-schema.org/draft-04/schema#' }, /draft-07.*2020-12/],
  ['an asynchronous schema', { $async: true }, /\$async/],
  ['an array', [], /object or a boolean/],
  ['nothing', undefined, /object or a boolean/],
  ['a bigint', { const: 1n }, /not plain JSON/],
] as const) {
  test(`${title} is SCHEMA_INVALID at the call`, () => {
    assert.match(throws(() => jsonSchema<unknown>(schema as never), 'SCHEMA_INVALID').message, message)
  })
}

test('a version of JSON Schema is chosen by $schema or by the option, and a contradiction is refused', () => {
  const pair = { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }] }
  const uri = 'https://json-schema.org/draft/2020-12/schema'
  throws(() => jsonSchema<unknown>(pair), 'SCHEMA_INVALID')
  for (const each of [
    jsonSchema<unknown>(pair, { draft: '2020-12' }),
    jsonSchema<unknown>({ $schema: uri, ...pair }),
    jsonSchema<unknown>({ $schema: uri, ...pair }, { draft: '2020-12' }),
  ]) {
    assert.equal(each.decode(bytes('["a",1]')), ['a', 1])
    throws(() => each.decode(bytes('[1,"a"]')), 'PAYLOAD_INVALID')
  }
  throws(() => jsonSchema<unknown>({ $schema: uri, ...pair }, { draft: 'draft-07' }), 'SCHEMA_INVALID')
  const old = jsonSchema({ $schema: 'http://json-schema.org/draft-07/schema#', type: 'string' })
  assert.is(old.decode(bytes('"x"')), 'x')
})

for (const draft of ['draft-07', '2020-12'] as const) {
  test(`ajv-formats adds formats to ${draft}, for both sides`, () => {
    const email = jsonSchema({ type: 'string', format: 'email' }, { configure: addFormats.default, draft })
    assert.is(email.decode(email.encode('ada@example.com') as Uint8Array), 'ada@example.com')
    for (const work of [() => email.encode('4711'), () => email.decode(bytes('"4711"'))]) {
      assert.is(throws(work, 'PAYLOAD_INVALID').message, 'must match format "email" (format)')
    }
  })
}

test("a keyword of a user's own may throw: what it says stays out of the message", () => {
  const own = jsonSchema<string>(
    { own: true },
    {
      configure: ajv =>
        ajv.addKeyword({
          keyword: 'own',
          validate: (_: unknown, value: unknown) => {
            throw new Error(`bad ${String(value)}`)
          },
        }),
    },
  )
  const error = throws(() => own.encode('secret'), 'PAYLOAD_INVALID')
  assert.not.match(error.message, /secret/)
  assert.match((error.cause as Error).message, /secret/)
})

test('two schemas of one $id do not get in the way of each other', () => {
  const one = jsonSchema({ $id: 'https://example.com/a', type: 'string' })
  const other = jsonSchema({ $id: 'https://example.com/a', type: 'number' })
  assert.equal([one.decode(bytes('"x"')), other.decode(bytes('1'))], ['x', 1])
})

test('a schema that is changed later changes nothing', () => {
  const schema = { type: 'object', properties: { a: { type: 'string' } } }
  const early = jsonSchema<{ a: string }>(schema)
  schema.properties.a.type = 'number'
  assert.is(text(early.encode({ a: 'x' }) as Uint8Array), '{"a":"x"}')
  assert.equal(early.schema?.definition, { type: 'object', properties: { a: { type: 'string' } } })
})

test('the document holds the schema, named by its title', () => {
  assert.equal(codec.schema, { format: 'json-schema', definition: user, recordName: 'User' })
  assert.not('recordName' in (jsonSchema({ type: 'string' }).schema ?? {}))
})

test('the document says which version of JSON Schema it is in where the option alone does', () => {
  const $schema = 'https://json-schema.org/draft/2020-12/schema'
  const later = jsonSchema({ prefixItems: [true] } as object, { draft: '2020-12' }).schema
  assert.equal(later?.definition, { $schema, prefixItems: [true] })
  assert.equal(jsonSchema({ $schema }, { draft: '2020-12' }).schema?.definition, { $schema })
  assert.equal(jsonSchema({}, { draft: 'draft-07' }).schema?.definition, {})
})

test('a bus takes it beside a Standard Schema, one per event', async () => {
  await using bus = createBus({ name: 'accounts', transport: memoryTransport() })
  const Described = defineEvent('described', { schema: codec })
  const Standard = defineEvent('standard', { schema: z.object({ id: z.string() }) })
  const received: unknown[] = []
  const both = new Promise<void>(resolve => {
    const note = (payload: unknown) => {
      received.push(payload)
      if (received.length === 2) resolve()
    }
    bus.subscribe(Described, note)
    bus.subscribe(Standard, note)
  })
  await bus.start()
  await bus.publish(Described, { id: '1' })
  await bus.publish(Standard, { id: '2' })
  await deadline(5_000, 'both events', both)
  const byId = received.sort((a, b) => ((a as { id: string }).id < (b as { id: string }).id ? -1 : 1))
  assert.equal(byId, [{ id: '1', role: 'guest', tags: [] }, { id: '2' }])
})

test.run()
