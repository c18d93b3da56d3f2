import { defineEvent, type StandardSchema } from '@busbar/core'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import * as z from 'zod'

const test = suite('documents of Standard Schemas')

const documentOf = (schema: StandardSchema) => defineEvent('e', { schema }).codec.schema
const optional = (schema: StandardSchema) =>
  (documentOf(schema)?.definition as { required?: string[] } | undefined)?.required ?? []

test('zod, valibot and arktype describe what a publisher gives', () => {
  const schemas = {
    zod: z.object({ id: z.string(), role: z.string().default('guest') }),
    valibot: toStandardJsonSchema(v.object({ id: v.string(), role: v.optional(v.string(), 'guest') })),
    arktype: type({ id: 'string', role: 'string = "guest"' }),
  }
  for (const [vendor, schema] of Object.entries(schemas)) {
    const document = documentOf(schema)
    assert.is(document?.format, 'json-schema', vendor)
    const definition = document?.definition as { $schema: string; properties: Record<string, unknown> }
    assert.is(definition.$schema, 'http://json-schema.org/draft-07/schema#', vendor)
    assert.equal(definition.properties['id'], { type: 'string' }, vendor)
    assert.equal(optional(schema), ['id'], vendor)
    assert.equal(JSON.parse(JSON.stringify(definition)), definition)
  }
})

test('a title names the record', () => {
  assert.is(documentOf(z.object({ id: z.string() }).meta({ title: 'User' }))?.recordName, 'User')
})

test('a type that JSON Schema has no word for means no document, and the schema works all the same', () => {
  for (const schema of [z.object({ at: z.date() }), toStandardJsonSchema(v.object({ at: v.date() }))]) {
    assert.is(documentOf(schema), undefined)
  }
})

test('a library without the interface has no document', () => {
  assert.is(documentOf(v.object({ id: v.string() })), undefined)
})

function counting(input: (options: { readonly target: string }) => unknown) {
  const calls: string[] = []
  const jsonSchema = {
    input: (options: { readonly target: string }) => {
      calls.push(options.target)
      return input(options)
    },
  }
  const schema = {
    '~standard': { version: 1, vendor: 'own', validate: (value: unknown) => ({ value }), jsonSchema },
  } as const
  return { schema, calls }
}

test('nothing is converted before somebody asks, and then once', () => {
  const { schema, calls } = counting(() => ({ type: 'string' }))
  const { codec } = defineEvent('e', { schema })
  void codec.encode('x')
  assert.equal(calls, [])
  assert.equal(codec.schema?.definition, { type: 'string' })
  assert.is(codec.schema, codec.schema)
  assert.equal(calls, ['draft-07'])
})

test('a failure is remembered, too', () => {
  const { schema, calls } = counting(() => {
    throw new Error('no')
  })
  const { codec } = defineEvent('e', { schema })
  assert.equal([codec.schema, codec.schema], [undefined, undefined])
  assert.equal(calls, ['draft-07', 'draft-2020-12'])
})

test('a library that knows only the later version is asked for it', () => {
  const { schema } = counting(({ target }) => {
    if (target === 'draft-07') throw new Error('unsupported')
    return { type: 'number' }
  })
  assert.equal(documentOf(schema)?.definition, { type: 'number' })
})

test('an answer that is no schema is no document', () => {
  for (const answer of [null, undefined, 'x', 7, [], () => {}]) {
    assert.is(documentOf(counting(() => answer).schema), undefined)
  }
})

test.run()
