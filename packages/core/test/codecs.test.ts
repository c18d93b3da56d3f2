import {
  BusbarError,
  type Codec,
  createBus,
  defineError,
  defineEvent,
  defineRequest,
  type RegisteredCodec,
  type SchemaPlace,
  type SchemaRegistry,
} from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects, throws } from './support/assertions.js'
import { testBus } from './support/bus.js'
import { withBuses } from './support/requests.js'

const test = suite('codecs and a registry')

/** Text that carries the subject that it was written for. */
function subjectCodec(calls: string[] = [], isDown: () => boolean = () => false): Codec<string> {
  const codec: Codec<string> = {
    contentType: 'text/plain',
    dataSchema: 'urn:plain',
    schema: { format: 'avro', definition: 'string', recordName: 'Text' },
    encode: text => Buffer.from(text),
    decode: (bytes, dataSchema) => `${dataSchema}:${Buffer.from(bytes).toString()}`,
    registered: (_registry, subject): RegisteredCodec<string> => ({
      contentType: 'text/plain',
      encode: text => Buffer.from(`${subject}|${text}`),
      decode: bytes => {
        const [written, text] = Buffer.from(bytes).toString().split('|')
        assert.is(written, subject)
        return `${text} by ${subject}`
      },
      prepare: async use => {
        calls.push(`${use} ${subject}`)
        if (isDown()) throw new BusbarError('REGISTRY_UNAVAILABLE', 'the registry is down')
      },
    }),
  }
  return codec
}

function toyRegistry(places: SchemaPlace[] = []): SchemaRegistry {
  return {
    name: 'toy',
    subjectOf: place => {
      places.push(place)
      return `${place.topic}-value`
    },
    schemaOf: id => ({ id, type: 'AVRO', text: '"string"', references: [] }),
    idOf: () => 1,
    preload: async () => {},
  }
}

test('without a registry a codec writes as it is, and reads with the data schema of the record', async () => {
  const { bus } = testBus()
  const Note = defineEvent('note', { schema: subjectCodec() })
  const got: string[] = []
  bus.subscribe(Note, text => void got.push(text))
  await withBuses([bus], async () => {
    await bus.publish(Note, 'a')
    await eventually(() => assert.equal(got, ['urn:plain:a']))
  })
})

test('with a registry an event has the subject of its topic, whatever bus shares its contract', async () => {
  const broker = memoryBroker()
  const places: SchemaPlace[] = []
  const schema = subjectCodec()
  const Note = defineEvent('note', { topic: 'notes', schema })
  const Memo = defineEvent('memo', { schema })
  const withRegistry = testBus({ broker, registry: toyRegistry(places) }).bus
  const without = testBus({ name: 'other' }).bus
  const got: string[] = []
  for (const bus of [withRegistry, without]) {
    bus.subscribe(Note, text => void got.push(text))
    bus.subscribe(Memo, text => void got.push(text))
  }
  await withBuses([withRegistry, without], async () => {
    for (const bus of [withRegistry, without]) {
      await bus.publish(Note, 'a')
      await bus.publish(Memo, 'b')
    }
    await eventually(() =>
      assert.equal(got.toSorted(), ['a by notes-value', 'b by memo-value', 'urn:plain:a', 'urn:plain:b']),
    )
  })
  assert.equal(places, [
    { topic: 'notes', recordName: 'Text' },
    { topic: 'memo', recordName: 'Text' },
  ])
})

test('replies and declared errors have subjects of their own, not that of the topic they share', async () => {
  const Refused = defineError('Refused', { data: subjectCodec() })
  const Ask = defineRequest('ask', {
    request: subjectCodec(),
    reply: subjectCodec(),
    errors: { Refused },
  })
  const broker = memoryBroker()
  const asking = testBus({ broker, registry: toyRegistry() }).bus
  const answering = testBus({ broker, name: 'answering', registry: toyRegistry() }).bus
  answering.reply(Ask, question => {
    if (question.startsWith('no')) throw new Refused('never')
    return 'yes'
  })
  await withBuses([asking, answering], async () => {
    assert.is(await asking.request(Ask, 'a'), 'yes by ask.reply-value')
    const refused = await asking.request(Ask, 'no').catch((thrown: unknown) => thrown)
    assert.instance(refused, Refused)
    assert.is((refused as { data: unknown }).data, 'never by ask.Refused-value')
  })
})

test('the start prepares to read what is handled and to write what is published, for requests both', async () => {
  const calls: string[] = []
  const schema = subjectCodec(calls)
  const Refused = defineError('Refused', { data: schema })
  const Handled = defineEvent('handled', { schema })
  const Published = defineEvent('published', { schema })
  const Answered = defineRequest('answered', { request: schema, reply: schema, errors: { Refused } })
  const Asked = defineRequest('asked', { request: schema, reply: schema })
  const { bus } = testBus({ registry: toyRegistry(), publishes: [Published, Asked] })
  bus.subscribe(Handled, () => {})
  bus.reply(Answered, () => 'x')
  await withBuses([bus], async () => {
    assert.equal(calls.toSorted(), [
      'read answered-value',
      'read asked.reply-value',
      'read handled-value',
      'write answered.Refused-value',
      'write answered.reply-value',
      'write asked-value',
      'write published-value',
    ])
    const Late = defineEvent('late', { schema })
    await bus.subscribe(Late, () => {}).ready
    assert.is(calls.at(-1), 'read late-value')
  })
})

test('a registry that is down fails the start, and a start after it is back works', async () => {
  let isDown = true
  const Note = defineEvent('note', { schema: subjectCodec([], () => isDown) })
  const { bus } = testBus({ registry: toyRegistry() })
  const got: string[] = []
  bus.subscribe(Note, text => void got.push(text))
  await rejects(deadline(1_000, 'the start', bus.start()), 'REGISTRY_UNAVAILABLE')
  isDown = false
  await withBuses([bus], async () => {
    await bus.publish(Note, 'a')
    await eventually(() => assert.equal(got, ['a by note-value']))
  })
})

test('the start makes sure of the topics of what is published', async () => {
  const Note = defineEvent('note', { topic: { name: 'notes', partitions: 7 } })
  const transport = memoryTransport()
  const { bus } = testBus({ transport, publishes: [Note] })
  await withBuses([bus], async () => {
    assert.is(await transport.partitions('notes'), 7)
  })
  const strict = testBus({ publishes: [defineEvent('missing')], topics: { create: false } }).bus
  await rejects(strict.start(), 'TOPIC_MISSING')
  await strict.close()
})

test('options that are no registry and no contracts are refused', () => {
  const transport = memoryTransport()
  const no = {} as unknown
  const registry = throws(
    () => createBus({ name: 'b', transport, registry: no as SchemaRegistry }),
    'CONFIG_INVALID',
  )
  assert.match(registry.message, /option "registry" must be a schema registry/)
  const publishes = throws(
    () => createBus({ name: 'b', transport, publishes: [no as never] }),
    'CONFIG_INVALID',
  )
  assert.match(publishes.message, /option "publishes" lists events and requests/)
})

test('an option that is null, or one contract without a list, is refused by its name', () => {
  const make = (options: object) => () => createBus({ name: 'b', transport: memoryTransport(), ...options })
  assert.match(throws(make({ registry: null }), 'CONFIG_INVALID').message, /option "registry"/)
  for (const publishes of [null, defineEvent('a'), 'a']) {
    assert.match(throws(make({ publishes }), 'CONFIG_INVALID').message, /option "publishes"/)
  }
})

test.run()
