import { Parser } from '@asyncapi/parser'
import { asyncApi } from '@busbar/cli'
import { BusbarError, defineEvent, defineRequest } from '@busbar/core'
import { definitionOf, parseSchema } from '@busbar/core/avro'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as z from 'zod'
import {
  Bare,
  contracts,
  described,
  GetUser,
  UserCreated,
  UserRenamed,
  userRecord,
} from '../support/contracts.js'
import { at, keysAt } from '../support/walk.js'
import { headersOf } from '../support/written-headers.js'

const test = suite('asyncApi')
const options = { title: 'accounts', version: '1.2.3' }

const described2020 = described({
  format: 'json-schema',
  definition: { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'string' },
})

const everyName = {
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

/** What the official parser finds wrong; a later version of AsyncAPI is no fault. */
async function problemsOf(document: unknown): Promise<readonly string[]> {
  const { diagnostics } = await new Parser().parse(JSON.stringify(document))
  return diagnostics
    .filter(({ code }) => code !== 'asyncapi-latest-version')
    .map(({ code, message, path }) => `${code}: ${message} at ${path.join('/')}`)
}

test('the official parser accepts it, and finds in it what was declared', async () => {
  const document = asyncApi(contracts, {
    ...options,
    description: 'Users',
    servers: { test: { host: '127.0.0.1:9092', protocol: 'kafka' } },
  })
  assert.equal(await problemsOf(document), [])
  const parsed = (await new Parser().parse(JSON.stringify(document))).document
  assert.ok(parsed)
  assert.equal(
    parsed
      .channels()
      .all()
      .map(channel => [channel.id(), channel.address()]),
    [
      ['bare', 'bare'],
      ['user.get', 'user.get'],
      ['users', 'users'],
      ['user.get.reply', null],
    ],
  )
  assert.equal(
    parsed
      .operations()
      .all()
      .map(operation => [operation.id(), operation.action()]),
    [
      ['send.bare', 'send'],
      ['send.user.created', 'send'],
      ['receive.user.get', 'receive'],
      ['send.user.renamed', 'send'],
    ],
  )
})

const surprises = {
  'no contracts': [],
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

for (const [title, given] of Object.entries(surprises)) {
  test(`the official parser accepts ${title}`, async () => {
    const document = asyncApi(given, options)
    assert.equal(await problemsOf(document), [])
    const inChannels = Object.values(document.channels).flatMap(each => keysAt(each, 'messages'))
    assert.equal(inChannels.sort(), keysAt(document, 'components', 'messages').sort())
  })
}

test('the parser is one that finds faults', async () => {
  const text = JSON.stringify(asyncApi([UserRenamed], options))
  const broken: unknown = JSON.parse(text.replace('#/components/schemas/user.renamed"', '#/components/no"'))
  assert.match((await problemsOf(broken)).join(), /invalid-ref/)
})

test('events that share a topic share its channel, with its settings', () => {
  const { channels } = asyncApi(contracts, options)
  assert.equal(keysAt(channels, 'users', 'messages'), ['user.created', 'user.renamed'])
  assert.equal(at(channels, 'users', 'bindings', 'kafka'), {
    topic: 'users',
    partitions: 12,
    replicas: 3,
    topicConfiguration: {
      'cleanup.policy': ['compact', 'delete'],
      'min.insync.replicas': '2',
      'retention.ms': 86_400_000,
    },
    bindingVersion: '0.5.0',
  })
  assert.equal(at(channels, 'bare', 'bindings', 'kafka'), { topic: 'bare', bindingVersion: '0.5.0' })
})

test('an Avro payload carries its schema as it is', () => {
  const { components } = asyncApi(contracts, options)
  assert.equal(at(components, 'schemas', 'user.created'), {
    schemaFormat: 'application/vnd.apache.avro;version=1.9.0',
    schema: userRecord,
  })
  const message = at(components, 'messages', 'user.created')
  assert.equal(
    ['name', 'title', 'description', 'contentType'].map(each => at(message, each)),
    ['user.created', 'com.example.UserCreated', 'Somebody has signed up.', 'application/avro'],
  )
  assert.is(at(message, 'bindings', 'kafka', 'key', 'type'), 'string')
  assert.not(keysAt(components, 'messages', 'user.renamed').includes('bindings'))
})

test('names of Avro stand beside their namespaces, and mean what they meant', () => {
  const { components } = asyncApi(
    [...surprises['Avro with names in several namespaces, aliases, logical types and attributes']],
    options,
  )
  const schema = at(components, 'schemas', 'names', 'schema')
  assert.equal(
    [at(schema, 'name'), at(schema, 'namespace'), at(schema, 'aliases')],
    ['Outer', 'one', ['Old']],
  )
  const { aliases: _, ...nearest } = everyName
  const expected = { ...nearest, aliases: ['Old'] }
  assert.equal(definitionOf(parseSchema(schema)), definitionOf(parseSchema(expected)))
})

test('a payload of a Standard Schema carries its JSON Schema; one without a schema none', () => {
  const { components } = asyncApi(contracts, options)
  const schema = at(components, 'schemas', 'user.renamed')
  assert.is(at(schema, 'schemaFormat'), 'application/schema+json;version=draft-07')
  assert.equal(at(schema, 'schema', 'properties', 'name'), {
    type: 'string',
    default: 'nobody',
    description: 'The new one',
  })
  assert.not(keysAt(components, 'messages', 'bare').includes('payload'))
  const later = asyncApi([defineEvent('e', { schema: described2020 })], options)
  assert.is(at(later.components, 'schemas', 'e', 'schemaFormat'), 'application/schema+json;version=2020-12')
})

test('references within a schema are those of the document', () => {
  const { components } = asyncApi(surprises['schemas that refer to their parts'], options)
  const schema = at(components, 'schemas', 'parts', 'schema')
  const part = { $ref: '#/components/schemas/parts/schema/definitions/part' }
  assert.equal(at(schema, 'properties', 'one'), part)
  assert.equal(at(schema, 'properties', 'again'), { items: [part] })
  assert.not(keysAt(schema).includes('$id'))
})

for (const definition of [
  { properties: { a: { $ref: 'https://example.com/other' } } },
  { properties: { a: { $ref: '#anchor' } } },
  { properties: { a: { $ref: 'other.json#/a' } } },
  { $dynamicRef: '#node' },
  { default: { $ref: '#/definitions/data' } },
  { enum: [1, [{ $ref: 'x' }]] },
]) {
  test(`a schema ${JSON.stringify(definition)} is left out, since nobody could follow it`, async () => {
    const schema = described({ format: 'json-schema', definition })
    const document = asyncApi([defineEvent('e', { schema })], options)
    assert.not(keysAt(document, 'components', 'messages', 'e').includes('payload'))
    assert.equal(await problemsOf(document), [])
  })
}

test('a request has a reply, with what it declares, at the address that it names', () => {
  const { operations, channels, components } = asyncApi([GetUser], options)
  const operation = at(operations, 'receive.user.get')
  assert.is(at(operation, 'action'), 'receive')
  assert.is(at(operation, 'reply', 'address', 'location'), '$message.header#/kafka_replyTopic')
  assert.equal(at(operation, 'reply', 'channel'), { $ref: '#/channels/user.get.reply' })
  assert.equal(
    at(operation, 'reply', 'messages'),
    ['user.get.reply', 'user.get.NotFound', 'user.get.Locked'].map(each => ({
      $ref: `#/channels/user.get.reply/messages/${each}`,
    })),
  )
  assert.is(at(channels, 'user.get.reply', 'address'), null)
  const error = at(components, 'messages', 'user.get.NotFound')
  assert.equal([at(error, 'name'), at(error, 'title')], ['user.get.reply', 'NotFound'])
  assert.equal(at(error, 'headers', 'allOf', '1', 'properties', 'busbar-error-name'), { const: 'NotFound' })
  assert.ok(at(components, 'schemas', 'user.get.NotFound'))
  assert.not(keysAt(components, 'schemas').includes('user.get.Locked'))
})

test('the headers are those that a bus writes', async () => {
  const { components } = asyncApi([Bare], options)
  assert.equal(at(components, 'messages', 'bare', 'traits'), [{ $ref: '#/components/messageTraits/event' }])
  assert.equal(keysAt(components, 'messageTraits'), ['event'])
  const headers = at(components, 'schemas', 'CloudEventsHeaders')
  const written = await headersOf(Bare, { n: 1 })
  assert.equal(Object.keys(written).sort(), (at(headers, 'required') as string[]).toSorted())
})

test('a caller says what the service publishes and handles; the rest has channels and no operations', () => {
  const roles = { publishes: ['user.get', 'bare'], handles: ['user.created', 'bare'] }
  const { operations, channels } = asyncApi(contracts, { ...options, ...roles })
  assert.equal(Object.keys(operations).sort(), [
    'receive.bare',
    'receive.user.created',
    'send.bare',
    'send.user.get',
  ])
  assert.ok(at(channels, 'users', 'messages', 'user.renamed'))
  assert.ok(at(operations, 'send.user.get', 'reply'))
})

test('a role of an unknown contract is refused', () => {
  assert.throws(
    () => asyncApi(contracts, { ...options, handles: ['user.creatd'] }),
    (error: unknown) =>
      error instanceof BusbarError &&
      error.code === 'CONFIG_INVALID' &&
      /user\.creatd.*bare/.test(error.message),
  )
})

test('the order and the number of times that contracts are given make no difference', () => {
  const text = JSON.stringify(asyncApi(contracts, options))
  assert.is(JSON.stringify(asyncApi([...contracts].reverse(), options)), text)
  assert.is(JSON.stringify(asyncApi([...contracts, UserCreated], options)), text)
})

test.run()
