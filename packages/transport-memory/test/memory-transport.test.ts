import { type InboundRecord, partitionOfKey, silentLogger } from '@busbar/core'
import { type MemoryBrokerOptions, memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FakeRuntime } from './fake-runtime.js'
import { bytes, connect, Inbox, record, rejects, subscribe, text } from './harness.js'

async function setUp(options: MemoryBrokerOptions = {}) {
  const runtime = new FakeRuntime()
  const broker = memoryBroker(options)
  broker.createTopic('t')
  const service = await connect(runtime, { broker })
  return { runtime, broker, service, transport: service.transport }
}

test('says what it can do: what it stores outlives it only at a broker that was given', () => {
  assert.equal(memoryTransport().capabilities, {
    read: true,
    durable: false,
    kafkaPartitioning: true,
    transactions: true,
  })
  assert.is(memoryTransport({ broker: memoryBroker() }).capabilities.durable, true)
})

test('connect obeys its signal; nothing works without it, or after disposal', async () => {
  const transport = memoryTransport()
  const options = { clientId: 'c', logger: silentLogger, runtime: new FakeRuntime(), onEvent: () => {} }
  await rejects(transport.connect({ ...options, signal: AbortSignal.abort() }), 'ABORTED')
  await rejects(transport.send([]), 'BUS_CLOSED')
  await transport.connect(options)
  assert.equal(await transport.send([]), [])
  await transport[Symbol.asyncDispose]()
  await rejects(transport.partitions('t'), 'BUS_CLOSED')
})

test('stores by key where Kafka would, and tells where', async () => {
  const { transport } = await setUp({ partitions: 7 })
  for (const k of ['a', 'user-1', '']) {
    const [position] = await transport.send([record('t', 'x', { k })])
    assert.is(position?.partition, partitionOfKey(bytes(k), 7))
  }
  const positions = await transport.send([
    record('t', 'x', { partition: 5 }),
    record('t', 'y', { partition: 5 }),
  ])
  assert.is((positions[1]?.offset ?? 0) - (positions[0]?.offset ?? 0), 1)
})

test('records without a key stay together within a batch and go round from batch to batch', async () => {
  const { transport } = await setUp({ partitions: 3 })
  const partitions: number[][] = []
  for (let i = 0; i < 4; i += 1) {
    partitions.push(
      (await transport.send([record('t', 'x'), record('t', 'y')])).map(({ partition }) => partition),
    )
  }
  assert.equal(partitions, [
    [0, 0],
    [1, 1],
    [2, 2],
    [0, 0],
  ])
})

test('what was sent is what comes: key, value, headers, timestamp', async () => {
  const { broker, transport } = await setUp({ partitions: 1 })
  const headers = {
    text: 'ä',
    raw: bytes('b'),
    many: ['1', bytes('2')],
    one: ['3'],
    none: [],
    ['__proto__']: 'p',
  }
  await transport.send([
    record('t', 'x', { headers, k: 'key', timestampMs: 42 }),
    record('t', '', { value: null }),
  ])
  const [first, second] = broker.records('t')
  assert.equal(first, {
    topic: 't',
    partition: 0,
    offset: 0,
    key: bytes('key'),
    value: bytes('x'),
    headers: {
      text: bytes('ä'),
      raw: bytes('b'),
      many: [bytes('1'), bytes('2')],
      one: bytes('3'),
      ['__proto__']: bytes('p'),
    },
    timestampMs: 42,
  })
  assert.equal([second?.key, second?.value], [null, null])
})

test('a buffer changed after sending, or by one consumer, changes nothing for anybody else', async () => {
  for (const size of [10, 10_000]) {
    const { runtime, broker, service, transport } = await setUp({ partitions: 1 })
    const value = bytes('x'.repeat(size))
    const header = bytes('h')
    const key = bytes('k')
    await transport.send([record('t', '', { key, value, headers: { h: header } })])
    for (const buffer of [value, header, key]) buffer.fill(0)
    const spoil = ({ key, value, headers }: InboundRecord) => {
      for (const buffer of [key, value, headers.h]) if (buffer instanceof Uint8Array) buffer.fill(1)
    }
    const first = new Inbox({ acks: true })
    await subscribe(runtime, service, first, { group: 'one' })
    const got = first.deliveries[0]?.record as InboundRecord
    assert.equal([text(got.value).length, text(got.key), text(got.headers.h)], [size, 'k', 'h'])
    spoil(got)
    for (const copy of broker.records('t')) spoil(copy)
    const second = new Inbox({ acks: true })
    await subscribe(runtime, service, second, { group: 'two' })
    assert.equal(second.values, ['x'.repeat(size)])
    assert.equal(
      [text(second.deliveries[0]?.record.key), text(second.deliveries[0]?.record.headers.h)],
      ['k', 'h'],
    )
  }
})

test('every record keeps its own bytes, however many share a buffer', async () => {
  const { broker, transport } = await setUp({ partitions: 1 })
  const values = Array.from({ length: 3_000 }, (_, i) => `${i}:${'v'.repeat(i % 97)}`)
  await transport.send(values.map(value => record('t', value, { k: value, headers: { h: value } })))
  const records = broker.records('t')
  for (const field of ['value', 'key'] as const)
    assert.equal(
      records.map(one => text(one[field])),
      values,
    )
  assert.equal(
    records.map(({ headers }) => text(headers.h)),
    values,
  )
})

test('refuses records that are too large, counting key, value and headers', async () => {
  const { broker, transport } = await setUp({ maxRecordBytes: 10 })
  await transport.send([record('t', '12345', { k: '12', headers: { h: '12' } })])
  await rejects(
    transport.send([record('t', '123456', { k: '12', headers: { h: '12' } })]),
    'RECORD_TOO_LARGE',
  )
  broker.createTopic('small', { config: { 'max.message.bytes': '3' } })
  await rejects(transport.send([record('small', '1234')]), 'RECORD_TOO_LARGE')
  const whole = memoryBroker()
  whole.createTopic('t')
  const other = await connect(new FakeRuntime(), { broker: whole })
  await other.transport.send([record('t', '', { value: new Uint8Array(1_048_576) })])
  await rejects(
    other.transport.send([record('t', '', { value: new Uint8Array(1_048_577) })]),
    'RECORD_TOO_LARGE',
  )
})

test('of a batch that is refused in part the rest is stored, and the error says which was not and why', async () => {
  const { broker, transport } = await setUp({ maxRecordBytes: 3 })
  const batch = [record('t', 'a'), record('t', 'long'), record('nowhere', 'b'), record('t', 'c')]
  const error = await rejects(transport.send(batch), 'PUBLISH_PARTIAL')
  assert.equal(
    error.failures.map(failure => [failure.index, failure.error.code]),
    [
      [1, 'RECORD_TOO_LARGE'],
      [2, 'TOPIC_MISSING'],
    ],
  )
  assert.is(error.retryable, false)
  assert.equal(
    broker.records('t').map(({ value }) => text(value)),
    ['a', 'c'],
  )
  await rejects(transport.send([record('t', 'a'), record('t', 'long')]), 'PUBLISH_PARTIAL')
  await rejects(transport.send([record('t', 'long'), record('nowhere', 'b')]), 'PUBLISH_PARTIAL')
  await rejects(transport.send([record('t', 'long'), record('t', 'longer')]), 'RECORD_TOO_LARGE')
})

test('refuses unknown topics and partitions, and names that Kafka refuses', async () => {
  const { transport } = await setUp()
  await rejects(transport.send([record('nowhere', 'x')]), 'TOPIC_MISSING')
  await rejects(transport.send([record('t', 'x', { partition: 3 })]), 'TOPIC_MISSING')
  for (const name of ['', '.', '..', 'a b', 'a/b', 'ä', 'x'.repeat(250)]) {
    await rejects(transport.send([record(name, 'x')]), 'TOPIC_INVALID')
  }
  await rejects(
    transport.subscribe(
      { group: 'g', topics: ['t', 'nowhere'], from: 'earliest', maxInFlight: 1 },
      async () => {},
    ),
    'TOPIC_MISSING',
  )
  await rejects(
    transport.read({ topic: 'nowhere', from: 'earliest' }, () => {}),
    'TOPIC_MISSING',
  )
  await rejects(transport.partitions('nowhere'), 'TOPIC_MISSING')
})

test('creates topics by itself where the broker may', async () => {
  const { broker, transport } = await setUp({ autoCreateTopics: true, partitions: 2 })
  await transport.send([record('new', 'x')])
  assert.is(await transport.partitions('new'), 2)
  assert.equal(broker.topics(), ['t', 'new'])
})

test('a compacted topic refuses records without a key', async () => {
  const { broker, transport } = await setUp()
  broker.createTopic('c', { config: { 'cleanup.policy': 'compact' } })
  await transport.send([record('c', 'x', { k: 'a' })])
  const error = await rejects(transport.send([record('c', 'x')]), 'PUBLISH_FAILED')
  assert.is(error.retryable, false)
})

test('ensureTopics creates what is missing and accepts what is as declared', async () => {
  const { broker, transport } = await setUp()
  const declared = {
    name: 'new',
    create: true,
    partitions: 5,
    replication: 1,
    config: { 'cleanup.policy': 'compact' },
  }
  await transport.ensureTopics([declared, { name: 't', create: false }])
  await transport.ensureTopics([
    declared,
    { name: 't', create: false, config: { 'cleanup.policy': 'delete', 'retention.ms': '-1' } },
  ])
  assert.is(await transport.partitions('new'), 5)
  assert.equal(broker.topics(), ['t', 'new'])
})

test('ensureTopics names everything that differs', async () => {
  const { transport } = await setUp()
  const config = { 'cleanup.policy': 'compact', 'min.insync.replicas': '2' }
  const error = await rejects(
    transport.ensureTopics([{ name: 't', create: true, partitions: 4, replication: 2, config }]),
    'TOPIC_MISMATCH',
  )
  for (const part of [
    "'t'",
    'partitions is 3, declared 4',
    'replication is 1, declared 2',
    'cleanup.policy is delete',
    'not set, declared 2',
  ]) {
    assert.ok(error.message.includes(part), `${part} in ${error.message}`)
  }
})

test('ensureTopics refuses what is missing, and settings that no broker takes', async () => {
  const { transport } = await setUp()
  await rejects(transport.ensureTopics([{ name: 'nowhere', create: false }]), 'TOPIC_MISSING')
  await rejects(transport.ensureTopics([{ name: 'a b', create: true }]), 'TOPIC_INVALID')
  await rejects(transport.ensureTopics([{ name: 'new', create: true, partitions: 0 }]), 'TOPIC_INVALID')
  await rejects(
    transport.ensureTopics([{ name: 'new', create: true, config: { 'cleanup.policy': 'shred' } }]),
    'TOPIC_INVALID',
  )
  await rejects(
    transport.ensureTopics([{ name: 'new', create: true, config: { 'retention.ms': 'long' } }]),
    'TOPIC_INVALID',
  )
  await rejects(transport.partitions('new'), 'TOPIC_MISSING')
})

test('positions of an unknown group are none', async () => {
  const { transport } = await setUp()
  assert.equal(await transport.positions('nobody'), [])
})

test('closing the transport leaves its groups and commits', async () => {
  const { runtime, broker, service, transport } = await setUp({ partitions: 1 })
  const inbox = new Inbox({ acks: true })
  const subscription = await subscribe(runtime, service, inbox)
  await transport.send([record('t', 'a')])
  await runtime.settle()
  await transport[Symbol.asyncDispose]()
  await subscription.closed
  assert.equal(broker.describeGroup('g').members, [])
  assert.equal(
    broker.positions('g').map(({ committed }) => committed),
    [1],
  )
  assert.equal(
    service.events.map(({ type }) => type),
    ['assigned', 'revoked'],
  )
})

test.run()
