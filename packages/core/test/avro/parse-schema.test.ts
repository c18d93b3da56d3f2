import { deepStrictEqual } from 'node:assert/strict'
import { BusbarError } from '@busbar/core'
import { javaAvro } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseSchema } from '../../dist/avro/schema/parse-schema.js'
import { canonicalForm, definitionOf } from '../../dist/avro/schema/schema-text.js'
import { field, parseCases, record } from './parse-cases.js'

const test = suite('parseSchema')
const java = await javaAvro()

function reasonOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    assert.instance(error, BusbarError)
    assert.is((error as BusbarError).code, 'SCHEMA_INVALID')
    return (error as BusbarError).message
  }
  return ''
}

for (const { name, schema, isValid, references } of parseCases) {
  test(`${name} is ${isValid ? 'allowed' : 'refused'}`, () => {
    assert.is(reasonOf(() => parseSchema(schema, references)) === '', isValid)
  })

  if (isValid) {
    test(`${name} stays the same when it is written and parsed again`, () => {
      const node = parseSchema(schema, references)
      const again = parseSchema(definitionOf(node))
      // Not uvu's, which follows a recursive schema without end.
      deepStrictEqual(again, node)
      assert.is(canonicalForm(again), canonicalForm(node))
    })
  }
}

if (java !== undefined) {
  for (const { name, schema, isValid, javaDiffers, references } of parseCases) {
    test(`${name}: ${javaDiffers === undefined ? 'as in Java' : `not as in Java: ${javaDiffers}`}`, async () => {
      const form = await java.canonical(schema, references).then(
        canonical => canonical.form,
        () => undefined,
      )
      assert.is(form !== undefined, isValid === (javaDiffers === undefined))
      if (!isValid) return
      const node = parseSchema(schema, references)
      if (form !== undefined) assert.is(canonicalForm(node), form)
      // What we register, or write into a document, is for Java to read.
      assert.is((await java.canonical(definitionOf(node))).form, canonicalForm(node))
    })
  }
}

test('messages say where, and what to do', () => {
  const message = (schema: unknown) => reasonOf(() => parseSchema(schema))
  const inside = (type: unknown) => message(record('shop.Order', [field('item', type)]))
  const start = 'this Avro schema is not valid: '
  assert.is(
    inside('Item'),
    `${start}field item of record shop.Order: there is no type "shop.Item": declare it before its first use, or correct the name`,
  )
  assert.is(
    inside('enum'),
    `${start}field item of record shop.Order: "enum" is no type by itself: give { "type": "enum", … } in its place`,
  )
  assert.is(
    inside(record('Item', [], { namespace: 'a-b' })),
    `${start}field item of record shop.Order: "namespace" must be names of letters, digits and _ with dots between, got "a-b"`,
  )
})

test('what nests without end is refused, not a stack that overflows', () => {
  let schema: unknown = 'int'
  for (let depth = 0; depth < 100_000; depth++) schema = { type: 'array', items: schema }
  assert.match(
    reasonOf(() => parseSchema(schema)),
    /it nests deeper than 200 levels: name inner types/,
  )
})

test.run()
