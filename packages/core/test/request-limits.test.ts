import { type Codec, defineRequest } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { lastValueFrom, toArray } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deferred, rejects } from './support/assertions.js'
import { settle } from './support/fake-runtime.js'
import { GetUser } from './support/requests.js'

import { timedBus } from './support/timed-bus.js'

const test = suite('the limits of requests')

test('without a reply in time it rejects with REQUEST_TIMEOUT, and nothing is left behind', async () => {
  const { bus, runtime } = timedBus()
  await deadline(5_000, 'timeout', async () => {
    await bus.start()
    const before = runtime.pending
    const { signal } = new AbortController()
    const late = rejects(bus.request(GetUser, { id: '7' }, { timeoutMs: 50, signal }), 'REQUEST_TIMEOUT')
    const later = rejects(bus.request(GetUser, { id: '7' }), 'REQUEST_TIMEOUT')
    await runtime.advance(50)
    const { retryable, message } = await late
    assert.ok(retryable)
    assert.match(message, /^no reply to user\.get within 50 ms: is a responder running/)
    await runtime.advance(4_950)
    await later
    assert.is(runtime.pending, before)
    await bus.close()
  })
})

test('one of many replies that is not sent in its time fails, and is not taken for one that nobody answers', async () => {
  const { bus, runtime } = timedBus()
  await deadline(5_000, 'timeout', async () => {
    const late = rejects(
      lastValueFrom(bus.requestMany(GetUser, { id: '7' }, { timeoutMs: 50 }), { defaultValue: 'nothing' }),
      'REQUEST_TIMEOUT',
    )
    await runtime.advance(50)
    assert.match((await late).message, /user\.get was not sent within 50 ms: was the bus started/)
    assert.is(runtime.pending, 1) // what reminds of the start
    await bus.close()
  })
})

test('the time counts from the call, also while the bus has not started', async () => {
  const { bus, runtime } = timedBus()
  await deadline(5_000, 'timeout', async () => {
    const late = rejects(bus.request(GetUser, { id: '7' }, { timeoutMs: 50 }), 'REQUEST_TIMEOUT')
    await runtime.advance(50)
    assert.match((await late).message, /user\.get was not sent within 50 ms: was the bus started/)
    await bus.close()
  })
})

test('an expired request is skipped, one whose deadline cannot be read is not', async () => {
  const { bus, broker, runtime } = timedBus()
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
  const { bus, broker, runtime } = timedBus()
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
  const { bus, broker, runtime } = timedBus({ maxPending: 2 })
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

/** A request whose reply is decoded for as long as the test wants: a registry that does not answer. */
function undecoded() {
  const { promise, resolve } = deferred<string>()
  let decodings = 0
  const request: Codec<string> = {
    contentType: 'text/plain',
    encode: text => Buffer.from(text),
    decode: bytes => Buffer.from(bytes).toString(),
  }
  const decodeReply = () => {
    decodings += 1
    return promise
  }
  const Ask = defineRequest('ask', { request, reply: { ...request, decode: decodeReply } })
  return { Ask, decode: resolve, decodings: () => decodings }
}

test('a reply that nobody decodes keeps no request beyond its time, its signal or its bus, nor in its turn', async () => {
  const { Ask } = undecoded()
  const { bus, runtime } = timedBus({ maxPending: 1 })
  bus.reply(Ask, () => 'yes')
  await deadline(5_000, 'the ends', async () => {
    await bus.start()
    const late = rejects(bus.request(Ask, 'anything', { timeoutMs: 50 }), 'REQUEST_TIMEOUT')
    await settle(20)
    await runtime.advance(50)
    assert.match((await late).message, /the reply to ask came, and was not decoded within 50 ms/)
    for (const count of [1, 2]) {
      const many = lastValueFrom(bus.requestMany(Ask, 'anything', { timeoutMs: 50, count }).pipe(toArray()))
      await settle(20)
      await runtime.advance(50)
      assert.equal(await many, [])
    }
    const aborter = new AbortController()
    const { signal } = aborter
    const aborted = rejects(lastValueFrom(bus.requestMany(Ask, 'anything', { count: 1, signal })), 'ABORTED')
    await settle(20)
    aborter.abort()
    await aborted
    const closed = rejects(lastValueFrom(bus.requestMany(Ask, 'anything', { count: 1 })), 'BUS_CLOSED')
    await settle(20)
    const closing = bus.close()
    await runtime.advance(20)
    await closing
    await closed
    assert.is(runtime.pending, 0)
  })
})

test('what is decoded after the end counts no more, and is emitted to nobody', async () => {
  const { Ask, decode } = undecoded()
  const { bus, runtime } = timedBus()
  const seen: unknown[] = []
  bus.use({
    name: 'slow',
    request: async ({ many }, next) => {
      await next()
      decode('late')
      await settle(20)
      seen.push(many?.received, many?.failure?.code)
    },
  })
  bus.reply(Ask, () => 'yes')
  await deadline(5_000, 'the end', async () => {
    await bus.start()
    const many = lastValueFrom(bus.requestMany(Ask, 'anything', { timeoutMs: 50 }).pipe(toArray()))
    await settle(20)
    await runtime.advance(50)
    assert.equal([await many, ...seen], [[], 0, 'REQUEST_TIMEOUT'])
    const closing = bus.close()
    await runtime.advance(20)
    await closing
  })
})

test('of several replies to a request the first is decoded alone', async () => {
  const { Ask, decode, decodings } = undecoded()
  const { bus, broker, runtime } = timedBus()
  for (const group of ['one', 'two']) bus.reply(Ask, { group }, () => 'yes')
  await deadline(5_000, 'the reply', async () => {
    await bus.start()
    const reply = bus.request(Ask, 'anything')
    await eventually(() => assert.is(broker.records('busbar.replies').length, 2))
    await settle(20)
    decode('first')
    assert.is(await reply, 'first')
    assert.is(decodings(), 1)
    const closing = bus.close()
    await runtime.advance(20)
    await closing
  })
})

test.run()
