import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from './support/assertions.js'
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
    assert.ok((await late).retryable)
    await runtime.advance(4_950)
    await later
    assert.is(runtime.pending, before)
    await bus.close()
  })
})

test('the time counts from the call, also while the bus has not started', async () => {
  const { bus, runtime } = timedBus()
  await deadline(5_000, 'timeout', async () => {
    const late = rejects(bus.request(GetUser, { id: '7' }, { timeoutMs: 50 }), 'REQUEST_TIMEOUT')
    await runtime.advance(50)
    await late
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

test.run()
