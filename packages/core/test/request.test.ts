import { defineEvent, defineRequest } from '@busbar/core'
import { eventually } from '@busbar/testkit'
import { memoryBroker } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deferred, rejects } from './support/assertions.js'
import { testBus } from './support/bus.js'
import { settle } from './support/fake-runtime.js'
import { GetUser, NotFound, withBuses } from './support/requests.js'

const test = suite('request and reply')

test('a reply arrives validated, with defaults applied once, also from another service', async () => {
  const { bus, broker } = testBus()
  const { bus: users } = testBus({ broker, name: 'users' })
  users.reply(GetUser, ({ id }) => ({ name: `Ada ${id}` }))
  await withBuses([bus, users], async () => {
    assert.equal(await bus.request(GetUser, { id: '7' }), { name: 'Ada 7', role: 'guest' })
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, n) => bus.request(GetUser, { id: String(n) })),
    )
    assert.equal(
      all.map(each => each.name),
      Array.from({ length: 200 }, (_, n) => `Ada ${n}`),
    )
  })
})

test('a request and a reply of nothing work', async () => {
  const { bus } = testBus()
  const Ping = defineRequest<undefined, undefined>('ping')
  bus.reply(Ping, () => undefined)
  await withBuses([bus], async () => {
    assert.is(await bus.request(Ping, undefined), undefined)
  })
})

test('a declared error arrives as itself, with its data and message; once, and without a warning', async () => {
  const { bus, lines } = testBus()
  let calls = 0
  bus.reply(GetUser, ({ id }) => {
    calls++
    throw new NotFound({ id }, `no user ${id}`)
  })
  await withBuses([bus], async () => {
    const error = await rejects(bus.request(GetUser, { id: '7' }), 'DECLARED')
    assert.instance(error, NotFound)
    assert.equal((error as InstanceType<typeof NotFound>).data, { id: '7', hint: 'none' })
    assert.is(error.message, 'no user 7')
    await settle()
    assert.equal([calls, lines.filter(line => line.level === 'warn' || line.level === 'error')], [1, []])
  })
})

test('any other error arrives as REMOTE_FAILED with its message, however odd, and the request is not handled again', async () => {
  const { bus, broker } = testBus()
  const odd: unknown[] = [new Error('boom'), 'text', undefined, new Error(`\ud800${'x'.repeat(5_000)}`)]
  let calls = 0
  bus.reply(GetUser, () => {
    throw odd[calls++]
  })
  await withBuses([bus], async () => {
    const messages: string[] = []
    for (const _ of odd)
      messages.push((await rejects(bus.request(GetUser, { id: '7' }), 'REMOTE_FAILED')).message)
    assert.match(String(messages[0]), /user\.get failed in service with HANDLER_FAILED: boom/)
    assert.match(String(messages[1]), /text/)
    assert.ok(String(messages[3]).length < 1_200)
    await eventually(() => assert.is(broker.positions('service')[0]?.lag, 0))
    assert.is(calls, odd.length)
  })
})

test('a reply that does not match its schema, or an error whose data does not, is answered as an error', async () => {
  const { bus } = testBus()
  bus.reply(GetUser, ({ id }) => {
    if (id === 'reply') return { name: 7 as unknown as string }
    throw new NotFound({ id: 7 as unknown as string })
  })
  await withBuses([bus], async () => {
    assert.match(
      (await rejects(bus.request(GetUser, { id: 'reply' }), 'REMOTE_FAILED')).message,
      /PAYLOAD_INVALID/,
    )
    assert.match(
      (await rejects(bus.request(GetUser, { id: 'error' }), 'REMOTE_FAILED')).message,
      /PAYLOAD_INVALID/,
    )
  })
})

test('a reply that is too large is answered as an error', async () => {
  const { bus } = testBus({ broker: memoryBroker({ partitions: 1, maxRecordBytes: 2_000 }) })
  bus.reply(GetUser, () => ({ name: 'x'.repeat(3_000) }))
  await withBuses([bus], async () => {
    const error = await rejects(bus.request(GetUser, { id: '7' }), 'REMOTE_FAILED')
    assert.match(error.message, /RECORD_TOO_LARGE/)
  })
})

test('a wrong payload is refused before anything is sent', async () => {
  const { bus, broker } = testBus()
  await withBuses([bus], async () => {
    await rejects(bus.request(GetUser, { id: 7 as unknown as string }), 'PAYLOAD_INVALID')
    await rejects(bus.request({} as typeof GetUser, { id: '7' }), 'EVENT_UNKNOWN')
    await rejects(bus.request(GetUser, { id: '7' }, { timeoutMs: Number.NaN }), 'CONFIG_INVALID')
    assert.not.ok(broker.topics().includes('user.get'))
  })
})

test('close lets a handler have its reply, and rejects everything else that waits or comes with BUS_CLOSED', async () => {
  const { bus, broker } = testBus()
  const { bus: users } = testBus({ broker, name: 'users' })
  const gate = deferred()
  const names: string[] = []
  const Work = defineEvent<string>('work')
  users.reply(GetUser, ({ id }) => (id === 'never' ? new Promise<never>(() => {}) : { name: id }))
  bus.subscribe(Work, async id => {
    names.push('started')
    await gate.promise
    names.push((await bus.request(GetUser, { id })).name)
  })
  await withBuses([users], async () => {
    await bus.start()
    await bus.publish(Work, '7')
    const waiting = rejects(bus.request(GetUser, { id: 'never' }), 'BUS_CLOSED')
    await eventually(() => assert.equal(names, ['started']))
    const closing = bus.close()
    const late = rejects(bus.request(GetUser, { id: 'never' }), 'BUS_CLOSED')
    gate.resolve()
    await Promise.all([closing, waiting, late])
    assert.equal(names, ['started', '7'])
    await rejects(bus.request(GetUser, { id: '9' }), 'BUS_CLOSED')
  })
})

test.run()
