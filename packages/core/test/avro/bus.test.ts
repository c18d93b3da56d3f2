import { BusbarError, defineError, defineEvent, defineRequest, retry } from '@busbar/core'
import { avro } from '@busbar/core/avro'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from '../support/assertions.js'
import { testBus } from '../support/bus.js'
import { sendRaw, withBuses } from '../support/requests.js'
import { ToyRegistry } from './toy-registry.js'

const test = suite('avro() on a bus')

const first = avro({
  type: 'record',
  name: 'User',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'name', type: 'string' },
  ],
})
const second = avro({
  type: 'record',
  name: 'User',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'fullName', type: 'string', aliases: ['name'] },
    { name: 'email', type: ['null', 'string'], default: null },
  ],
})
/** Reads both, and is read by the first: it kept what that one needs. */
const wide = avro({
  type: 'record',
  name: 'User',
  fields: [
    { name: 'email', type: ['null', 'string'], default: null },
    { name: 'name', type: 'string' },
    { name: 'id', type: 'string' },
  ],
})
const FirstUser = defineEvent('user.created', { topic: 'users', schema: first, key: user => user.id })
const SecondUser = defineEvent('user.created', { topic: 'users', schema: second, key: user => user.id })
const WideUser = defineEvent('user.created', { topic: 'users', schema: wide, key: user => user.id })

for (const registry of [undefined, new ToyRegistry()]) {
  const setting = registry ? 'with a registry' : 'without a registry'
  const options = registry ? { registry } : {}

  test(`${setting}, what an older publisher wrote is handled as the newer schema says, and back`, async () => {
    const broker = memoryBroker({ partitions: 1 })
    const publisher = testBus({ broker, name: 'publisher', ...options }).bus
    const newer = testBus({ broker, name: 'newer', ...options }).bus
    const older = testBus({ broker, name: 'older', ...options }).bus
    const got: unknown[] = []
    newer.subscribe(SecondUser, user => void got.push(user))
    older.subscribe(FirstUser, user => void got.push(user))
    await withBuses([publisher, newer, older], async () => {
      await publisher.publish(FirstUser, { id: '1', name: 'Ada' })
      await eventually(() => assert.is(got.length, 2))
      assert.equal(
        new Set(got.map(user => JSON.stringify(user))),
        new Set(['{"id":"1","fullName":"Ada","email":null}', '{"id":"1","name":"Ada"}']),
      )
      got.length = 0
      await publisher.publish(WideUser, { id: '2', name: 'Bob' })
      await eventually(() => assert.is(got.length, 2))
      assert.ok(got.some(user => JSON.stringify(user) === '{"id":"2","name":"Bob"}'))
    })
  })

  test(`${setting}, the envelope says how to read the value`, async () => {
    const { bus, broker } = testBus(options)
    await withBuses([bus], async () => {
      await bus.publish(FirstUser, { id: '1', name: 'Ada' })
      const [record] = broker.records('users')
      assert.is(Buffer.from(record?.headers['content-type'] as Uint8Array).toString(), 'application/avro')
      assert.is(record?.headers['ce_dataschema'] === undefined, registry !== undefined)
      assert.is(record?.value?.length, registry ? 11 : 6)
    })
  })

  test(`${setting}, requests are answered, and declared errors come back, in Avro`, async () => {
    const NotFound = defineError('NotFound', {
      data: avro({ type: 'record', name: 'NotFound', fields: [{ name: 'id', type: 'string' }] }),
    })
    const GetUser = defineRequest('user.get', {
      request: avro({ type: 'record', name: 'GetUser', fields: [{ name: 'id', type: 'string' }] }),
      reply: first,
      errors: { NotFound },
    })
    const broker = memoryBroker()
    const asking = testBus({ broker, name: 'asking', ...options }).bus
    const answering = testBus({ broker, name: 'answering', ...options }).bus
    answering.reply(GetUser, ({ id }) => {
      if (id === '0') throw new NotFound({ id })
      return { id, name: 'Ada' }
    })
    await withBuses([asking, answering], async () => {
      assert.equal(await asking.request(GetUser, { id: '1' }), { id: '1', name: 'Ada' })
      const missing = await asking.request(GetUser, { id: '0' }).catch((thrown: unknown) => thrown)
      assert.instance(missing, NotFound)
      assert.equal((missing as InstanceType<typeof NotFound>).data, { id: '0' })
    })
  })
}

test('a payload that the schema refuses is not published', async () => {
  const { bus, broker } = testBus()
  await withBuses([bus], async () => {
    await rejects(bus.publish(FirstUser, { id: 1, name: 'Ada' } as never), 'PAYLOAD_INVALID')
    assert.not(broker.topics().includes('users') && broker.records('users').length > 0)
  })
})

const headers = { ce_specversion: '1.0', ce_id: '1', ce_type: 'user.created', ce_source: 's' }
const framed = (...bytes: readonly number[]) => Buffer.from(bytes)

const letters: readonly (readonly [string, Buffer, string, string])[] = [
  ['cut off', framed(0, 0, 0, 0, 1, 2), 'DECODE_FAILED', 'truncated at byte 6 in field id of User'],
  [
    'of another wire format',
    framed(1, 0, 0, 0, 1, 0, 0),
    'DECODE_FAILED',
    'it begins with byte 1, and not with 0',
  ],
  ['of a schema that cannot be read', framed(0, 0, 0, 0, 2, 0), 'SCHEMA_INCOMPATIBLE', 'in field id of User'],
]

for (const [what, value, code, reason] of letters) {
  test(`a record that is ${what} is a dead letter at once, with the reason`, async () => {
    const registry = new ToyRegistry()
    registry.register(first.schema.definition)
    registry.register({ type: 'record', name: 'User', fields: [] })
    const { bus, broker } = testBus({ registry })
    const got: unknown[] = []
    bus.subscribe(FirstUser, { use: [retry({ attempts: 5, delayMs: 60_000 })] }, user => void got.push(user))
    await withBuses([bus], async () => {
      await sendRaw(broker, [
        { topic: 'users', value, headers },
        { topic: 'users', value: framed(0, 0, 0, 0, 1, 2, 65, 2, 66), headers: { ...headers, ce_id: '2' } },
      ])
      await eventually(() => assert.equal(got, [{ id: 'A', name: 'B' }]))
      const [letter] = await bus.deadLetters().list()
      assert.is(letter?.code, code)
      assert.is(letter?.attempts, 1)
      assert.ok(letter?.message.includes(reason), letter?.message)
      assert.equal(Buffer.from(letter?.record.value ?? []), value)
    })
  })
}

for (const [what, prepare, repair] of [
  [
    'whose id nobody knows yet',
    () => {},
    (registry: ToyRegistry) => void registry.register(first.schema.definition),
  ],
  [
    'that comes while the registry is down',
    (registry: ToyRegistry) => {
      registry.register(first.schema.definition)
      registry.isDown = true
    },
    (registry: ToyRegistry) => {
      registry.isDown = false
    },
  ],
] as const) {
  test(`a record ${what} is tried again, and handled in the end`, async () => {
    const registry = new ToyRegistry()
    const { bus, broker } = testBus({ registry })
    const attempts: number[] = []
    const handle = (_user: unknown, context: { readonly attempt: number }) =>
      void attempts.push(context.attempt)
    bus.subscribe(FirstUser, { use: [retry({ attempts: 100, delayMs: 2, maxDelayMs: 2 })] }, handle)
    await withBuses([bus], async () => {
      prepare(registry)
      await sendRaw(broker, [{ topic: 'users', value: framed(0, 0, 0, 0, 1, 2, 65, 2, 66), headers }])
      await eventually(() => assert.ok(registry.asked.filter(each => each === 'schema 1').length > 2))
      assert.equal(attempts, [])
      repair(registry)
      await eventually(() => assert.is(attempts.length, 1))
      assert.ok((attempts[0] ?? 0) > 2, `attempt ${attempts[0]}`)
    })
  })
}

test('a record without registry whose writer nobody knows is tried again, and then a dead letter that says what to do', async () => {
  const { bus, broker } = testBus()
  bus.subscribe(FirstUser, { use: [retry({ attempts: 3, delayMs: 1 })] }, () => {})
  await withBuses([bus], async () => {
    const ce_dataschema = `urn:avro:sha256:${'ab'.repeat(32)}`
    await sendRaw(broker, [{ topic: 'users', value: framed(0), headers: { ...headers, ce_dataschema } }])
    await eventually(() => assert.ok(broker.topics().includes('users.service.dlq')))
    const [letter] = await bus.deadLetters().list()
    assert.is(letter?.code, 'SCHEMA_UNKNOWN')
    assert.is(letter?.attempts, 3)
    assert.match(letter?.message ?? '', /knownWriters/)
  })
})

test('a registry that is down shows at the start', async () => {
  const registry = new ToyRegistry()
  registry.isDown = true
  const { bus } = testBus({ registry, publishes: [FirstUser] })
  const error = await rejects(deadline(1_000, 'the start', bus.start()), 'REGISTRY_UNAVAILABLE')
  assert.instance(error, BusbarError)
  await bus.close()
})

test.run()
