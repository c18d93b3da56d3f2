import { defineRequest, type OutboundHeaders } from '@busbar/core'
import { eventually } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MessageHeaders } from '../dist/headers.js'
import { replyAddressOf } from '../dist/reply-headers.js'
import { rejects } from './support/assertions.js'
import { testBus } from './support/bus.js'
import { bytes, inbound, text } from './support/deliveries.js'
import { GetUser, sendRaw, withBuses } from './support/requests.js'

const test = suite('request and reply with other frameworks')

const address = (partition?: Uint8Array) =>
  replyAddressOf(
    new MessageHeaders({
      kafka_correlationId: bytes('c'),
      kafka_replyTopic: bytes('replies'),
      ...(partition && { kafka_replyPartition: partition }),
    }),
  )

const partitions: [string, Uint8Array | undefined, number | undefined][] = [
  ['none', undefined, undefined],
  ['no bytes', new Uint8Array(0), undefined],
  ['decimal text of one digit', bytes('7'), 7],
  ['decimal text of four digits', bytes('1234'), 1234],
  ['a four-byte integer', Uint8Array.of(0, 0, 1, 2), 258],
  ['a four-byte zero', Uint8Array.of(0, 0, 0, 0), 0],
  ['other bytes', Uint8Array.of(1, 2, 3), undefined],
]
for (const [name, given, expected] of partitions) {
  test(`a reply partition of ${name}`, () => assert.is(address(given)?.partition, expected))
}

test('no reply is expected without a correlation id or a reply topic', () => {
  for (const headers of [{}, { kafka_correlationId: bytes('c') }, { kafka_replyTopic: bytes('t') }]) {
    assert.is(replyAddressOf(new MessageHeaders(headers)), undefined)
  }
  assert.is(replyAddressOf(new MessageHeaders(inbound().headers)), undefined)
})

/** A responder, and what it replied to raw requests. */
async function answers(requests: readonly { value?: string; headers: OutboundHeaders }[]) {
  const { bus, broker, lines } = testBus({ consume: { redelivery: { delayMs: 1 } } })
  broker.createTopic('my.replies', { partitions: 3 })
  broker.createTopic('user.get')
  let calls = 0
  bus.reply(GetUser, ({ id }) => {
    calls++
    return { name: id }
  })
  await sendRaw(
    broker,
    requests.map(({ value, headers }) => ({ value: value === undefined ? null : bytes(value), headers })),
  )
  await withBuses([bus], () =>
    eventually(() =>
      assert.equal(
        broker.positions('service').map(position => position.lag),
        [0],
      ),
    ),
  )
  return { replies: broker.records('my.replies'), calls: () => calls, lines }
}

const uuid = Uint8Array.of(0xff, 0xfe, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0xc0)

test('a Spring service is answered: binary correlation id, four-byte partition, no envelope', async () => {
  const headers = {
    kafka_correlationId: uuid,
    kafka_replyTopic: 'my.replies',
    kafka_replyPartition: Uint8Array.of(0, 0, 0, 2),
  }
  const { replies } = await answers([{ value: '{"id":"7"}', headers }])
  assert.is(replies.length, 1)
  assert.equal(Uint8Array.from(replies[0]?.headers['kafka_correlationId'] as Uint8Array), uuid)
  assert.equal([replies[0]?.partition, text(replies[0]?.value ?? null)], [2, '{"name":"7"}'])
})

test('a NestJS service is answered: text partition, and the headers of the end of a reply', async () => {
  const headers = { kafka_correlationId: 'abc', kafka_replyTopic: 'my.replies', kafka_replyPartition: '1' }
  const { replies } = await answers([{ value: '{"id":"7"}', headers }])
  assert.equal([replies[0]?.partition, replies.length], [1, 1])
  assert.is(text(replies[0]?.headers['kafka_nest-is-disposed'] as Uint8Array), '1')
  assert.is(replies[0]?.headers['kafka_nest-err'], undefined)
})

test('a reply of null or nothing to another framework is a record without a value; Busbar keeps them apart', async () => {
  const { bus, broker } = testBus()
  broker.createTopic('my.replies', { partitions: 1 })
  const Find = defineRequest<string, null | undefined>('find')
  const Text = defineRequest<string, unknown>('text')
  bus.reply(Find, what => (what === 'null' ? null : undefined))
  bus.reply(Text, what => what)
  const headers = { kafka_correlationId: 'abc', kafka_replyTopic: 'my.replies', kafka_replyPartition: '0' }
  await withBuses([bus], async () => {
    const raw = (topic: string, value: string) => ({ topic, value: bytes(value), headers })
    const requests = [
      raw('find', '"null"'),
      raw('find', '"nothing"'),
      raw('text', '"null"'),
      raw('text', '""'),
    ]
    for (const [index, request] of requests.entries()) {
      await sendRaw(broker, [request])
      await eventually(() => assert.is(broker.records('my.replies').length, index + 1))
    }
    const values = broker.records('my.replies').map(({ value }) => value && text(value))
    assert.equal(values, [null, null, '"null"', '""'])
    assert.is(await bus.request(Find, 'null'), null)
    assert.is(await bus.request(Find, 'nothing'), undefined)
  })
})

test('an undecodable or invalid request, and one without a value, is answered with the error, once', async () => {
  const headers = { kafka_correlationId: 'abc', kafka_replyTopic: 'my.replies', kafka_replyPartition: '0' }
  const { replies, calls } = await answers([
    { value: '{oops', headers },
    { value: '{"id":7}', headers },
    { headers },
    { value: '{"id":"7"}', headers: { ...headers, ce_type: 'user.get', ce_id: Uint8Array.of(0xff) } },
  ])
  assert.is(calls(), 0)
  const codes = replies.map(({ headers: { 'busbar-error-code': code } }) => text(code as Uint8Array))
  assert.equal(codes.sort(), ['DECODE_FAILED', 'DECODE_FAILED', 'ENVELOPE_INVALID', 'PAYLOAD_INVALID'])
  assert.ok(
    replies.every(reply => /"status":"error"/.test(text(reply.headers['kafka_nest-err'] as Uint8Array))),
  )
})

test('a request whose reply cannot be addressed is handled once and holds up nobody', async () => {
  const value = '{"id":"7"}'
  const { replies, calls, lines } = await answers([
    { value, headers: { kafka_correlationId: 'a', kafka_replyTopic: Uint8Array.of(0xff) } },
    { value, headers: { kafka_correlationId: 'b', kafka_replyTopic: 'no such topic!' } },
    { value, headers: { kafka_correlationId: 'c', kafka_replyTopic: 'my.replies', 'busbar-deadline': '' } },
    { value, headers: { ce_type: 'user.get' } },
  ])
  assert.equal([replies.length, calls()], [1, 4])
  assert.is(lines.filter(line => line.message === 'reply could not be sent').length, 2)
})

test('replies of other frameworks are read: a value, an error of NestJS, and what cannot be decoded', async () => {
  const { bus, broker } = testBus()
  const replyWith = async (headers: OutboundHeaders, value: string) => {
    const before = broker.topics().includes('user.get') ? broker.records('user.get').length : 0
    const reply = bus.request(GetUser, { id: '7' })
    reply.catch(() => {})
    await eventually(() => assert.is(broker.records('user.get').length, before + 1))
    const sent = new MessageHeaders(broker.records('user.get').at(-1)?.headers ?? {})
    const correlation = { kafka_correlationId: sent.bytes('kafka_correlationId') as Uint8Array }
    const partition = Number(sent.get('kafka_replyPartition'))
    const topic = String(sent.get('kafka_replyTopic'))
    await sendRaw(broker, [
      { topic, partition, value: bytes(value), headers: { ...correlation, ...headers } },
    ])
    return reply
  }
  await withBuses([bus], async () => {
    assert.equal(await replyWith({}, '{"name":"Ada"}'), { name: 'Ada', role: 'guest' })
    const nest = await rejects(
      replyWith({ 'kafka_nest-err': '{"status":"error","message":"no"}' }, ''),
      'REMOTE_FAILED',
    )
    assert.match(nest.message, /: no$/)
    const plain = await rejects(replyWith({ 'kafka_nest-err': 'null' }, ''), 'REMOTE_FAILED')
    assert.match(plain.message, /: null$/)
    await rejects(replyWith({}, '{"secret'), 'DECODE_FAILED')
    await rejects(replyWith({}, '{"name":7}'), 'PAYLOAD_INVALID')
    const declared = { 'busbar-error-name': 'NotFound', 'busbar-error-message': 'x' }
    await rejects(replyWith(declared, '{"wrong":1}'), 'PAYLOAD_INVALID')
    await rejects(replyWith({ 'busbar-error-message': Uint8Array.of(0xff) }, ''), 'HEADER_INVALID')
  })
})

test.run()
