import { type BusbarError, createBus, defineEvent, defineRequest } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { lastValueFrom, toArray } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deferred, rejects } from './support/assertions.js'
import { recordingLogger, testBus } from './support/bus.js'
import { FakeRuntime, settle } from './support/fake-runtime.js'
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

/** A bus on a clock that the test moves. */
function timed(requests: { timeoutMs?: number; maxPending?: number } = {}) {
  const runtime = new FakeRuntime()
  const logger = recordingLogger()
  const broker = memoryBroker({ partitions: 1 })
  const bus = createBus({ name: 'timed', transport: memoryTransport({ broker }), logger, runtime, requests })
  return { bus, broker, runtime, lines: logger.lines }
}

test('without a reply in time it rejects with REQUEST_TIMEOUT, and nothing is left behind', async () => {
  const { bus, runtime } = timed()
  await deadline(5_000, 'timeout', async () => {
    await bus.start()
    const before = runtime.pending
    const { signal } = new AbortController()
    const late = rejects(bus.request(GetUser, { id: '7' }, { timeoutMs: 50, signal }), 'REQUEST_TIMEOUT')
    const later = rejects(bus.request(GetUser, { id: '7' }), 'REQUEST_TIMEOUT')
    await runtime.advance(50)
    assert.ok((await late).retryable)
    await runtime.advance(4_950)
    await later
    assert.is(runtime.pending, before)
    await bus.close()
  })
})

test('the time counts from the call, also while the bus has not started', async () => {
  const { bus, runtime } = timed()
  await deadline(5_000, 'timeout', async () => {
    const late = rejects(bus.request(GetUser, { id: '7' }, { timeoutMs: 50 }), 'REQUEST_TIMEOUT')
    await runtime.advance(50)
    await late
    await bus.close()
  })
})

test('an expired request is skipped, one whose deadline cannot be read is not', async () => {
  const { bus, broker, runtime } = timed()
  const handled: string[] = []
  await deadline(5_000, 'expiry', async () => {
    await bus.start()
    const late = rejects(bus.request(GetUser, { id: 'late' }, { timeoutMs: 50 }), 'REQUEST_TIMEOUT')
    await runtime.advance(51)
    await late
    const responder = bus.reply(GetUser, ({ id }) => {
      handled.push(id)
      return { name: id }
    })
    await responder.ready
    assert.equal(await bus.request(GetUser, { id: 'now' }), { name: 'now', role: 'guest' })
    assert.equal(handled, ['now'])
    assert.is(broker.records('user.get').length, 2)
    const closed = bus.close()
    await runtime.advance(20)
    await closed
  })
})

test('aborting stops waiting with ABORTED and the reason; an aborted signal sends nothing', async () => {
  const { bus, broker, runtime } = timed()
  await deadline(5_000, 'abort', async () => {
    await bus.start()
    const reason = new Error('enough')
    const early = await rejects(
      bus.request(GetUser, { id: '7' }, { signal: AbortSignal.abort(reason) }),
      'ABORTED',
    )
    assert.is(early.cause, reason)
    await settle()
    assert.not.ok(broker.topics().includes('user.get'))
    const aborter = new AbortController()
    const waiting = rejects(bus.request(GetUser, { id: '7' }, { signal: aborter.signal }), 'ABORTED')
    await settle()
    aborter.abort(reason)
    await waiting
    assert.is(runtime.pending, 0)
    await bus.close()
  })
})

test('at its bound a request waits for its turn, within its time, and what gave up takes no turn', async () => {
  const { bus, broker, runtime } = timed({ maxPending: 2 })
  const sent = () => (broker.topics().includes('user.get') ? broker.records('user.get').length : 0)
  await deadline(5_000, 'turns', async () => {
    await bus.start()
    const ask = (timeoutMs: number, signal?: AbortSignal) =>
      rejects(
        bus.request(GetUser, { id: '7' }, { timeoutMs, ...(signal && { signal }) }),
        signal ? 'ABORTED' : 'REQUEST_TIMEOUT',
      )
    const aborter = new AbortController()
    const all = [ask(100), ask(200), ask(50), ask(1_000, aborter.signal), ask(300), ask(400)]
    await settle()
    assert.is(sent(), 2)
    await runtime.advance(50)
    aborter.abort()
    await settle()
    assert.is(sent(), 2)
    await runtime.advance(50)
    assert.is(sent(), 3)
    await runtime.advance(100)
    assert.is(sent(), 4)
    await runtime.advance(1_000)
    await Promise.all(all)
    assert.is(sent(), 4)
    await bus.close()
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

const names = (
  outcomes: readonly { ok: boolean; reply?: { name: string }; error?: BusbarError; source: string }[],
) => outcomes.map(each => (each.ok ? each.reply?.name : each.error?.code)).sort()

test('requestMany emits what every group answers, its errors too, until its count', async () => {
  const { bus, broker } = testBus()
  const others = ['one', 'two', 'three'].map(name => testBus({ broker, name }).bus)
  for (const other of others) {
    other.reply(GetUser, () => {
      if (other.name === 'three') throw new Error('three')
      return { name: other.name }
    })
  }
  await withBuses([bus, ...others], async () => {
    const outcomes = await lastValueFrom(bus.requestMany(GetUser, { id: '7' }, { count: 3 }).pipe(toArray()))
    assert.equal(names(outcomes), ['REMOTE_FAILED', 'one', 'two'])
    assert.equal(outcomes.map(each => each.source).sort(), ['one', 'three', 'two'])
    const first = await lastValueFrom(bus.requestMany(GetUser, { id: '7' }, { count: 1 }).pipe(toArray()))
    assert.is(first.length, 1)
    await rejects(lastValueFrom(bus.requestMany(GetUser, { id: '7' }, { count: 0 })), 'CONFIG_INVALID')
    await rejects(lastValueFrom(bus.requestMany(GetUser, { id: 7 as unknown as string })), 'PAYLOAD_INVALID')
  })
})

test('requestMany completes when its time is over, and sends once for each subscriber, or not at all', async () => {
  const { bus, broker, runtime } = timed()
  bus.reply(GetUser, ({ id }) => ({ name: id }))
  await deadline(5_000, 'many', async () => {
    await bus.start()
    const many = bus.requestMany(GetUser, { id: '7' }, { timeoutMs: 100 })
    await settle()
    assert.not.ok(broker.records('user.get').length)
    const [one, other] = [lastValueFrom(many.pipe(toArray())), lastValueFrom(many.pipe(toArray()))]
    await settle(20)
    await runtime.advance(100)
    assert.equal([names(await one), names(await other)], [['7'], ['7']])
    assert.is(broker.records('user.get').length, 2)
    const unsubscribed = many.subscribe()
    unsubscribed.unsubscribe()
    await settle()
    await runtime.advance(20)
    assert.equal([runtime.pending, broker.records('user.get').length], [0, 2])
    const failed = rejects(lastValueFrom(many), 'BUS_CLOSED')
    await settle()
    const closed = bus.close()
    await runtime.advance(20)
    await Promise.all([failed, closed])
  })
})

test.run()
