import assert from 'node:assert/strict'
import { type AnySchema, createBus, type DeliveryReport, defineEvent, silentLogger } from '@busbar/core'
import { avro } from '@busbar/core/avro'
import { jsonSchema } from '@busbar/core/json-schema'
import { placesOf } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import addFormats from 'ajv-formats'
import { type } from 'arktype'
import { suite } from 'uvu'
import * as v from 'valibot'
import * as z from 'zod'
import { until } from './support/failure-world.js'

const test = suite('errors of schemas hold no value of the payload, nor does what caused them')

const marker = 'not-for-a-log'

/** Wrong in every field, and each by its value. */
const wrong = {
  id: 5,
  email: marker,
  kind: marker,
  count: marker,
  literal: marker,
  list: [marker],
  map: { name: marker },
  when: marker,
  either: marker,
  short: marker,
  start: marker,
  tagged: { tag: marker },
  undeclared: marker,
}

const schemas: Readonly<Record<string, AnySchema>> = {
  zod: z.strictObject({
    id: z.string(),
    email: z.email(),
    kind: z.enum(['a', 'b']),
    count: z.number(),
    literal: z.literal('x'),
    list: z.array(z.number()),
    map: z.record(z.string(), z.number()),
    when: z.iso.datetime(),
    either: z.union([z.literal('q'), z.number()]),
    short: z.string().max(2),
    start: z.string().startsWith('k').regex(/^x/),
    tagged: z.discriminatedUnion('tag', [z.object({ tag: z.literal('a') })]),
  }),
  valibot: v.strictObject({
    id: v.string(),
    email: v.pipe(v.string(), v.email()),
    kind: v.picklist(['a', 'b']),
    count: v.number(),
    literal: v.literal('x'),
    list: v.array(v.number()),
    map: v.record(v.string(), v.number()),
    when: v.pipe(v.string(), v.isoTimestamp()),
    either: v.union([v.literal('q'), v.number()]),
    short: v.pipe(v.string(), v.maxLength(2)),
    start: v.pipe(v.string(), v.startsWith('k'), v.regex(/^x/)),
    tagged: v.variant('tag', [v.object({ tag: v.literal('a') })]),
  }),
  arktype: type({
    '+': 'reject',
    id: 'string',
    email: 'string.email',
    kind: "'a'|'b'",
    count: 'number',
    literal: "'x'",
    list: 'number[]',
    map: 'Record<string, number>',
    when: 'string.date.iso',
    either: "'q'|number",
    short: 'string<=2',
    start: '/^x/',
    tagged: { tag: "'a'" },
  }),
  'JSON Schema': jsonSchema<object>(
    {
      type: 'object',
      additionalProperties: false,
      properties: {
        id: { type: 'string' },
        email: { format: 'email' },
        kind: { enum: ['a', 'b'] },
        count: { type: 'number' },
        literal: { const: 'x' },
        list: { type: 'array', items: { type: 'number' } },
        map: { type: 'object', additionalProperties: { type: 'number' } },
        when: { format: 'date-time' },
        either: { oneOf: [{ const: 'q' }, { type: 'number' }] },
        short: { type: 'string', maxLength: 2 },
        start: { type: 'string', pattern: '^x' },
        tagged: { type: 'object', properties: { tag: { not: { type: 'string' } } } },
      },
    },
    { configure: ajv => addFormats.default(ajv, ['email', 'date-time']) },
  ),
  Avro: avro({
    type: 'record',
    name: 'Wrong',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'email', type: { type: 'string', logicalType: 'uuid' } },
      { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['a', 'b'] } },
      { name: 'count', type: 'long' },
      { name: 'literal', type: { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 } },
      { name: 'list', type: { type: 'array', items: 'int' } },
      { name: 'map', type: { type: 'map', values: 'int' } },
      { name: 'when', type: { type: 'long', logicalType: 'timestamp-millis' } },
      { name: 'either', type: ['null', 'int'] },
      { name: 'short', type: { type: 'fixed', name: 'Two', size: 2 } },
    ],
  }),
}

/** Each field by itself, so that a library that stops at the first that is wrong comes to all of them. */
const payloads = [
  wrong,
  ...Object.keys(wrong).map(name => ({ [name]: wrong[name as keyof typeof wrong] })),
  marker,
  [marker],
]

for (const [name, schema] of Object.entries(schemas)) {
  test(`${name}: of what is published`, async () => {
    const Wrong = defineEvent('wrong', { schema: schema })
    await using bus = createBus({ name: 'service', transport: memoryTransport(), logger: silentLogger })
    await bus.start()
    for (const payload of payloads) {
      const error = await bus.publish(Wrong, payload as never).catch((thrown: unknown) => thrown)
      assert.ok(error instanceof Error, `${JSON.stringify(payload)} was published`)
      assert.deepEqual(placesOf(marker, error), [], error.message)
    }
  })

  test(`${name}: of what is read`, async () => {
    const Wrong = defineEvent('wrong', { schema: schema })
    const Any = defineEvent<unknown>('wrong')
    const broker = memoryBroker({ partitions: 1 })
    const named = (service: string) =>
      createBus({ name: service, transport: memoryTransport({ broker }), logger: silentLogger })
    await using reader = named('reader')
    await using writer = named('writer')
    const reports: DeliveryReport[] = []
    reader.onDelivery(report => reports.push(report))
    reader.subscribe(Wrong, () => {})
    await Promise.all([reader.start(), writer.start()])
    for (const payload of payloads) await writer.publish(Any, payload)
    await until(() => reports.length === payloads.length, 'all of them')
    for (const { outcome, error } of reports) {
      assert.equal(outcome, 'dead-lettered')
      assert.deepEqual(placesOf(marker, error), [], String(error))
    }
  })
}

test.run()
