import assert from 'node:assert/strict'
import { BusbarError, deadLetter, defineEvent, type OutboundRecord, retry } from '@busbar/core'
import { suite } from 'uvu'
import { throws } from './support/assertions.js'
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
  const record: OutboundRecord = { topic: 'things', partition: 1, key: binary, value: Buffer.from('{"id":"one"}'), headers, timestampMs: 77 }
  await transport.send([record])
  await until(() => reports.length === 1, 'its end')
  const [original] = w.records('things')
  const [letter] = w.records('things.service.dlq')
  assert.ok(original && letter)
  assert.deepEqual([letter.key, letter.value], [original.key, original.value])
  for (const [name, value] of Object.entries(original.headers)) assert.deepEqual(letter.headers[name], value, name)
  const added = Object.keys(letter.headers).filter(name => !Object.hasOwn(original.headers, name))
  const prefixed = ['error-code', 'error-message', 'error-stack', 'attempts', 'original-topic', 'original-partition', 'original-offset']
  const names = [...prefixed, 'original-timestamp', 'failed-at', 'group', 'subscription'].map(name => `busbar-${name}`)
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
  assert.deepEqual(reports.map(report => report.outcome), ['dead-lettered', 'done'])
  await w.advanceUntil(() => w.committed('service') === 2, 'the commit')
})

test('takes what cannot be decoded, and what has no readable envelope', async () => {
  await using w = world()
  const { bus, transport, reports } = w.service()
  bus.subscribe(Thing, () => assert.fail('was handled'))
  await bus.start()
  const odd = Uint8Array.from([0xff, 0xfe])
  const send = (headers: OutboundRecord['headers'], value: Uint8Array) => transport.send([{ topic: 'things', key: null, value, headers, timestampMs: 1 }])
  await send(envelope, Buffer.from('{'))
  await send({ ...envelope, ce_type: odd }, odd)
  await send({ ...envelope, ce_id: odd }, odd)
  await send({ ...envelope, ce_id: odd, 'busbar-original-topic': odd, 'busbar-attempts': odd }, odd)
  await until(() => reports.length === 4, 'their ends')
  assert.ok(reports.every(report => report.outcome === 'dead-lettered'), JSON.stringify(reports.map(report => report.outcome)))
  const letters = await bus.deadLetters().list()
  assert.deepEqual(letters.map(letter => letter.code), ['DECODE_FAILED', 'ENVELOPE_INVALID', 'ENVELOPE_INVALID', 'ENVELOPE_INVALID'])
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
  assert.ok(reports.every(({ outcome, error }) => outcome === 'handed back' && (error as BusbarError).code === 'DEAD_LETTER_FAILED'))
  assert.match((reports[0]?.error as Error).message, /things\.service\.dlq.*the broker is away/)
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

test('to fit the size limit the stack is dropped, then the message shortened', async () => {
  const reasons = async (limit: number) => {
    await using w = world()
    const { bus, reports } = w.refusing(({ topic, headers }) => {
      const bytes = Object.values(headers).reduce((sum, value) => sum + Buffer.byteLength(value as string), 0)
      if (topic.endsWith('.dlq') && bytes > limit) throw new BusbarError('RECORD_TOO_LARGE', 'too large')
    })
    bus.subscribe(Thing, once, () => {
      throw new Error('x'.repeat(1_500))
    })
    await bus.start()
    await bus.publish(Thing, { id: 'a' })
    await until(() => reports.length === 1, 'its end')
    const [letter] = await bus.deadLetters().list()
    return letter ? [letter.message.length, letter.stack !== undefined] : String((reports[0]?.error as BusbarError).code)
  }
  assert.deepEqual(await reasons(20_000), [1_500, true])
  assert.deepEqual(await reasons(2_200), [1_500, false])
  assert.deepEqual(await reasons(600), [80, false])
  assert.equal(await reasons(100), 'DEAD_LETTER_FAILED')
})

test('a record as large as its topic takes fits its dead-letter and retry topics, reason and all', async () => {
  const Large = defineEvent<string>('large', { topic: { name: 'large', config: { 'max.message.bytes': '5000000' } } })
  await using w = world()
  const { bus, reports } = w.service()
  bus.subscribe(Large, { use: [retry({ attempts: 2, via: 'topic' })] }, fail)
  await bus.start()
  await bus.publish(Large, 'x'.repeat(4_999_600))
  await w.advanceUntil(() => reports.some(report => report.outcome !== 'rescheduled'), 'its end')
  assert.deepEqual(reports.map(report => report.outcome), ['rescheduled', 'dead-lettered'])
})

test('dead letters are kept for good, and not compacted away', async () => {
  const Compacted = defineEvent<Thing>('c', { topic: { name: 'c', config: { 'cleanup.policy': 'compact' } }, key: thing => thing.id })
  await using w = world({ retention: { ms: 86_400_000 } })
  const { bus, reports } = w.service()
  bus.subscribe(Compacted, once, fail)
  await bus.start()
  for (let publish = 0; publish < 3; publish++) await bus.publish(Compacted, { id: 'same' })
  await until(() => reports.length >= 3, 'their ends')
  await w.runtime.advance(30 * 86_400_000)
  assert.equal((await bus.deadLetters().list()).length, 3)
})

test('anything that can be thrown has a reason', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const thrown: unknown[] = [undefined, null, 'text', 7, {}, new Error(''), '\ud800', new Error('ä'.repeat(3_000))]
  bus.subscribe(Thing, once, ({ id }) => {
    throw thrown[Number(id)]
  })
  await bus.start()
  await bus.publishBatch(Thing, thrown.map((_, id) => ({ id: String(id), key: 'k' })))
  await until(() => reports.length === thrown.length, 'their ends')
  assert.deepEqual(reports.map(report => report.outcome), thrown.map(() => 'dead-lettered'))
  const letters = await bus.deadLetters().list()
  assert.deepEqual(letters.map(letter => letter.message.slice(0, 20)), [
    'a thrown undefined', 'a thrown null', 'text', 'a thrown number', 'a thrown object', 'Error', '\ufffd', 'ä'.repeat(20),
  ])
})

test('a group whose name no topic may have has dead letters all the same', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  for (const group of ['eu/billing:v1', 'eu-billing-v1']) bus.subscribe(Thing, { group, ...once }, fail)
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => reports.length === 2, 'their ends')
  for (const group of ['eu/billing:v1', 'eu-billing-v1']) {
    assert.deepEqual((await bus.deadLetters(group).list()).map(letter => letter.group), [group])
  }
})

test('a broadcast has none: asking for them is refused', async () => {
  await using w = world()
  const { bus } = w.service()
  for (const options of [{ onFailure: 'dead-letter' }, { use: [deadLetter()] }] as const) {
    const subscribe = () => bus.subscribe(Thing, { group: false, ...options }, () => {})
    assert.match(throws(subscribe, 'CONFIG_INVALID').message, /broadcast/)
  }
})

test.run()
