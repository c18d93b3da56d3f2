import { defineEvent, defineRequest } from '@busbar/core'
import * as z from 'zod'
import { described, GetUser } from './contracts.js'

/** A record with every kind of name that Avro has. */
export const everyName = {
  type: 'record',
  name: 'one.Outer',
  aliases: ['Old', 'two.Older'],
  fields: [
    {
      name: 'a',
      type: { type: 'enum', name: 'two.Kind', symbols: ['A', 'B'], default: 'A' },
      aliases: ['b'],
    },
    { name: 'c', type: { type: 'fixed', name: 'Md5', size: 16 } },
    { name: 'd', type: ['null', 'two.Kind', 'Md5'], default: null, order: 'ignore' },
    { name: 'e', type: { type: 'array', items: { type: 'map', values: 'Outer' } } },
    { name: 'f', type: { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 } },
    { name: 'g', type: { type: 'record', name: 'Bare', namespace: '', fields: [] } },
  ],
}

/** Contracts that a document could be spoilt by. */
export const surprises = {
  'names that are no keys': [
    defineEvent('größe/a~b', { topic: 'sizes' }),
    defineEvent('größe?a~b', { topic: 'sizes', schema: z.object({ a: z.string() }) }),
    defineRequest('__proto__', { topic: 'proto' }),
    defineEvent('constructor'),
  ],
  'names that collide with others': [
    defineEvent('user.get.reply'),
    defineEvent('CloudEventsHeaders', { schema: z.string() }),
    defineEvent('user.get.NotFound', { topic: 'other' }),
    GetUser,
  ],
  'two contracts of one name': [defineEvent('same', { topic: 'a' }), defineEvent('same', { topic: 'b' })],
  'recursive schemas': [
    defineEvent('tree', {
      schema: z.object({
        get children() {
          return z.array(Tree)
        },
      }),
    }),
    defineEvent('list', {
      schema: described({
        format: 'avro',
        definition: { type: 'record', name: 'Node', fields: [{ name: 'next', type: ['null', 'Node'] }] },
      }),
    }),
  ],
  'Avro with names in several namespaces, aliases, logical types and attributes': [
    defineEvent('names', { schema: described({ format: 'avro', definition: everyName }) }),
  ],
  'what calls itself Avro and is not': [
    defineEvent('fake', { schema: described({ format: 'avro', definition: { type: 'recrd' } }) }),
  ],
  'schemas that refer to their parts': [
    defineEvent('parts', {
      schema: described({
        format: 'json-schema',
        definition: {
          $id: 'https://example.com/parts',
          type: 'object',
          properties: {
            one: { $ref: '#/definitions/part' },
            again: { items: [{ $ref: 'https://example.com/parts#/definitions/part' }] },
          },
          definitions: { part: { type: 'string' } },
        },
      }),
    }),
  ],
}
const Tree: z.ZodType = z.object({
  get children() {
    return z.array(Tree)
  },
})

/** JSON Schemas with references that lead out of a document. */
export const unreachable = [
  { properties: { a: { $ref: 'https://example.com/other' } } },
  { properties: { a: { $ref: '#anchor' } } },
  { properties: { a: { $ref: 'other.json#/a' } } },
  { $dynamicRef: '#node' },
  { properties: { a: { $id: 'https://example.com/a', $ref: '#/definitions/b' } } },
  { default: { $ref: '#/definitions/data' } },
  { enum: [1, [{ $ref: 'x' }]] },
]
