import { defineEvent, type EventInput, type EventPayload } from '@busbar/core'
import { jsonSchema } from '@busbar/core/json-schema'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { expectTypeOf } from 'expect-type'
import { suite } from 'uvu'
import * as v from 'valibot'

const test = suite('types of JSON Schemas')

// What is in here is compiled and never called: the compiler is the test, and an unused @ts-expect-error fails it.
const Created = defineEvent('created', {
  schema: jsonSchema({
    type: 'object',
    additionalProperties: false,
    required: ['id', 'status'],
    properties: {
      id: { type: 'string' },
      status: { enum: ['open', 'closed'] },
      tags: { type: 'array', items: { type: 'string' } },
      role: { type: 'string', default: 'guest' },
      address: { $ref: '#/definitions/address' },
      parent: { anyOf: [{ type: 'null' }, { type: 'integer' }] },
    },
    definitions: {
      address: {
        type: 'object',
        additionalProperties: false,
        required: ['city'],
        properties: { city: { type: 'string' } },
      },
    },
  }),
  key: created => {
    expectTypeOf(created.role).toEqualTypeOf<string | undefined>()
    return created.id
  },
})

function inferred() {
  expectTypeOf<EventPayload<typeof Created>>().toEqualTypeOf<{
    id: string
    status: 'open' | 'closed'
    role: string
    tags?: string[]
    address?: { city: string }
    parent?: number | null
  }>()
  expectTypeOf<EventInput<typeof Created>['role']>().toEqualTypeOf<string | undefined>()
  const least: EventInput<typeof Created> = { id: '1', status: 'open' }
  // @ts-expect-error the status is one of two
  const wrong: EventInput<typeof Created> = { id: '1', status: 'lost' }
  return [least, wrong]
}

function of2020() {
  const codec = jsonSchema({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    required: ['at'],
    properties: { at: { $ref: '#/$defs/point' } },
    $defs: { point: { type: 'array', items: { type: 'number' } } },
  })
  const event = defineEvent('e', { schema: codec })
  expectTypeOf<EventPayload<typeof event>['at']>().toEqualTypeOf<number[]>()
}

interface User {
  readonly title: string
}

function explicit(schema: object) {
  // `title` is a keyword, too: the type argument must not be taken for a schema.
  const byArgument = defineEvent('e', { schema: jsonSchema<User>(schema) })
  const byLiteral = defineEvent('e', { schema: jsonSchema<User>({ title: 'User', type: 'object' }) })
  expectTypeOf<EventPayload<typeof byArgument>>().toEqualTypeOf<User>()
  expectTypeOf<EventPayload<typeof byLiteral>>().toEqualTypeOf<User>()
  // @ts-expect-error a type that JSON Schema does not have
  const misspelt = jsonSchema({ type: 'strng' })
  return misspelt
}

function standard() {
  const schema = toStandardJsonSchema(v.object({ id: v.string(), role: v.optional(v.string(), 'guest') }))
  const event = defineEvent('e', { schema })
  expectTypeOf<EventPayload<typeof event>>().toEqualTypeOf<{ id: string; role: string }>()
}

void [inferred, of2020, explicit, standard]
test('the types were checked by the compiler', () => {})

test.run()
