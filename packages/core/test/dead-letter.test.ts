import assert from 'node:assert/strict'
import { BusbarError, type OutboundRecord, retry } from '@busbar/core'
import { suite } from 'uvu'
import { headerOf, Thing, until, world } from './support/failure-world.js'

const test = suite('dead letter')

const envelope = { ce_specversion: '1.0', ce_id: 'one', ce_type: 'thing', ce_source: 'x' }
const once = { use: [retry({ attempts: 1 })] }
const fail = () => {
  throw new Error('no')
}

test('keeps key, value and headers byte for byte, also repeated, binary and empty ones, and adds the reason', async () => {
  await using w = world({ partitions: 2 })
  const { bus, transport, reports } = w.service()
  bus.subscribe(Thing, once, fail)
  await bus.start()
  const binary = Uint8Array.from([0, 255, 128, 10])
  const headers = { ...envelope, twice: ['one', binary], empty: '', ['__proto__']: 'odd', binary }
  const record: OutboundRecord = {
    topic: 'things',
    partition: 1,
    key: binary,
    value: Buffer.from('{"id":"one"}'),
    headers,
    timestampMs: 77,
  }
  await transport.send([record])
  await until(() => reports.length === 1, 'its end')
  const [original] = w.records('things')
  const [letter] = w.records('things.service.dlq')
  assert.ok(original && letter)
  assert.deepEqual([letter.key, letter.value], [original.key, original.value])
  for (const [name, value] of Object.entries(original.headers))
    assert.deepEqual(letter.headers[name], value, name)
  const added = Object.keys(letter.headers).filter(name => !Object.hasOwn(original.headers, name))
  const prefixed = [
    'error-code',
    'error-message',
    'error-stack',
    'attempts',
    'original-topic',
    'original-partition',
    'original-offset',
  ]
  const names = [...prefixed, 'original-timestamp', 'failed-at', 'group', 'subscription'].map(
    name => `busbar-${name}`,
  )
  assert.deepEqual(added.sort(), names.sort())
  const expected = {
    'busbar-error-code': 'HANDLER_FAILED',
    'busbar-error-message': 'no',
    'busbar-attempts': '1',
    'busbar-original-topic': 'things',
    'busbar-original-partition': '1',
    'busbar-original-offset': '0',
    'busbar-original-timestamp': '77',
    'busbar-failed-at': String(w.runtime.now()),
    'busbar-group': 'service',
    'busbar-subscription': 'service/thing',
  }
  for (const [name, value] of Object.entries(expected)) assert.equal(headerOf(letter, name), value, name)
  assert.match(headerOf(letter, 'busbar-error-stack') ?? '', /^Error: no\n/)
})

test('keeps a null key null, and a tombstone a tombstone', async () => {
  await using w = world()
  const { bus, transport, reports } = w.service()
  bus.subscribe(Thing, once, fail)
  await bus.start()
  await transport.send([{ topic: 'things', key: null, value: null, headers: envelope, timestampMs: 1 }])
  await until(() => reports.length === 1, 'its end')
  const [letter] = w.records('things.service.dlq')
  assert.deepEqual([letter?.key, letter?.value], [null, null])
  assert.equal(headerOf(letter as never, 'busbar-error-code'), 'DECODE_FAILED')
})

test('is on by default, after the default retries; the group goes on', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const attempts: number[] = []
  bus.subscribe(Thing, ({ id }, { attempt }) => {
    if (id === 'good') return
    attempts.push(attempt)
    throw new Error('no')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'bad', key: 'k' })
  await bus.publish(Thing, { id: 'good', key: 'k' })
  await w.advanceUntil(() => reports.length === 2, 'both')
  assert.deepEqual(attempts, [1, 2, 3, 4, 5])
  assert.deepEqual(
    reports.map(report => report.outcome),
    ['dead-lettered', 'done'],
  )
  await w.advanceUntil(() => w.committed('service') === 2, 'the commit')
})

test('takes what cannot be decoded, and what has no readable envelope', async () => {
  await using w = world()
  const { bus, transport, reports } = w.service()
  bus.subscribe(Thing, () => assert.fail('was handled'))
  await bus.start()
  const odd = Uint8Array.from([0xff, 0xfe])
  const send = (headers: OutboundRecord['headers'], value: Uint8Array) =>
    transport.send([{ topic: 'things', key: null, value, headers, timestampMs: 1 }])
  await send(envelope, Buffer.from('{'))
  await send({ ...envelope, ce_type: odd }, odd)
  await send({ ...envelope, ce_id: odd }, odd)
  await send({ ...envelope, ce_id: odd, 'busbar-original-topic': odd, 'busbar-attempts': odd }, odd)
  await until(() => reports.length === 4, 'their ends')
  assert.ok(
    reports.every(report => report.outcome === 'dead-lettered'),
    JSON.stringify(reports.map(report => report.outcome)),
  )
  const letters = await bus.deadLetters().list()
  assert.deepEqual(
    letters.map(letter => letter.code),
    ['DECODE_FAILED', 'ENVELOPE_INVALID', 'ENVELOPE_INVALID', 'ENVELOPE_INVALID'],
  )
  const strip = (records: readonly { value: unknown }[]) => records.map(record => record.value)
  assert.deepEqual(strip(w.records('things.service.dlq')), strip(w.records('things')))
})

test('a write that fails leaves the record unacknowledged: it comes again until it is a dead letter', async () => {
  await using w = world()
  let isDown = true
  const { bus, reports, lines } = w.refusing(({ topic }) => {
    if (isDown && topic.endsWith('.dlq')) throw new BusbarError('CONNECTION_FAILED', 'the broker is away')
  })
  bus.subscribe(Thing, once, fail)
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 3, 'three tries', 20)
  assert.ok(
    reports.every(
      ({ outcome, error }) =>
        outcome === 'handed back' && (error as BusbarError).code === 'DEAD_LETTER_FAILED',
    ),
  )
  assert.match(String(reports[0]?.error), /things\.service\.dlq.*the broker is away/)
  assert.ok(lines.some(({ level, fields }) => level === 'error' && fields['code'] === 'DEAD_LETTER_FAILED'))
  assert.equal(w.committed('service'), 0)
  isDown = false
  await w.advanceUntil(() => reports.at(-1)?.outcome === 'dead-lettered', 'its end')
  await w.advanceUntil(() => w.committed('service') === 1, 'the commit')
  assert.equal(w.records('things.service.dlq').length, 1)
})

test('a process that dies in the write loses nothing', async () => {
  await using w = world()
  const first = w.refusing(({ topic }) => {
    if (!topic.endsWith('.dlq')) return
    first.transport.crash()
    throw new BusbarError('CONNECTION_FAILED', 'died')
  })
  first.bus.subscribe(Thing, once, fail)
  await first.bus.start()
  await first.bus.publish(Thing, { id: 'a' })
  await until(() => first.reports.length === 1, 'its end')
  const second = w.service()
  second.bus.subscribe(Thing, once, fail)
  await second.bus.start()
  await w.advanceUntil(() => second.reports.length === 1, 'its end at the next instance')
  assert.equal(w.records('things.service.dlq').length, 1)
})

test.run()
