import { asyncApi } from '@busbar/cli'
import { BusbarError, defineEvent } from '@busbar/core'
import { definitionOf, parseSchema } from '@busbar/core/avro'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bare, contracts, described, GetUser, UserCreated, userRecord } from '../support/contracts.js'
import { everyName, surprises, unreachable } from '../support/surprises.js'
import { at, keysAt } from '../support/walk.js'
import { headersOf } from '../support/written-headers.js'

const test = suite('asyncApi')
const options = { title: 'accounts', version: '1.2.3' }

const described2020 = described({
  format: 'json-schema',
  definition: { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'string' },
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

for (const definition of unreachable) {
  test(`a schema ${JSON.stringify(definition)} is left out, since nobody could follow it`, () => {
    const schema = described({ format: 'json-schema', definition })
    const document = asyncApi([defineEvent('e', { schema })], options)
    assert.not(keysAt(document, 'components', 'messages', 'e').includes('payload'))
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

test('versions of one event make the same document in either order', () => {
  const old = defineEvent('e', { schema: described({ format: 'avro', definition: 'int' }) })
  const current = defineEvent('e', { schema: described({ format: 'avro', definition: 'long' }) })
  const document = asyncApi([old, current], options)
  assert.equal(keysAt(document, 'components', 'messages'), ['e', 'e-2'])
  assert.equal(asyncApi([current, old], options), document)
})

test('the order and the number of times that contracts are given make no difference', () => {
  const text = JSON.stringify(asyncApi(contracts, options))
  assert.is(JSON.stringify(asyncApi([...contracts].reverse(), options)), text)
  assert.is(JSON.stringify(asyncApi([...contracts, UserCreated], options)), text)
})

test.run()
