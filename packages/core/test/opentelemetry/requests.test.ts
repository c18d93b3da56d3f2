import { correlation, defineError, defineEvent, defineRequest, type Middleware } from '@busbar/core'
import { lastValueFrom, toArray } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from '../support/assertions.js'
import { type Thing, until } from '../support/failure-world.js'
import { headerIn, type TracedWorld, tracedWorld } from './traced-world.js'

const test = suite('spans of requests')
const NotFound = defineError<{ id: string }>('NotFound')
const GetUser = defineRequest<{ id: string }, string>('user.get', { errors: { NotFound } })
const Asked = defineEvent<Thing>('asked')

const orders: Record<string, (w: TracedWorld) => Middleware[]> = {
  alone: w => [w.tracing()],
  'outside of correlation': w => [w.tracing(), correlation()],
  'inside of correlation': w => [correlation(), w.tracing()],
}

for (const [order, middleware] of Object.entries(orders)) {
  test(`a round trip is one trace, with the reply inside of the handler: ${order}`, async () => {
    await using w = tracedWorld()
    const web = w.service({ name: 'web' })
    const users = w.service({ name: 'users' })
    web.bus.use(...middleware(w))
    users.bus.use(...middleware(w))
    users.bus.reply(GetUser, async ({ id }) => {
      await users.bus.publish(Asked, { id })
      return 'Ada'
    })
    await Promise.all([web.bus.start(), users.bus.start()])
    assert.is(await web.bus.request(GetUser, { id: '1' }), 'Ada')
    await until(() => w.spans().length === 5, 'all spans')
    assert.equal(w.tree(), [
      'web: request user.get CLIENT',
      '  web: send user.get PRODUCER',
      '    users: process user.get CONSUMER',
      '      users: publish asked PRODUCER',
      '      users: reply busbar.replies PRODUCER',
    ])
    const conversation = headerIn(w, 'user.get', 'kafka_correlationId')
    for (const name of ['send user.get', 'process user.get', 'reply busbar.replies'])
      assert.is(w.span(name).attributes['messaging.message.conversation_id'], conversation, name)
  })

  test(`an error is one on both sides, and its answer is inside of the handler: ${order}`, async () => {
    await using w = tracedWorld()
    const web = w.service({ name: 'web' })
    const users = w.service({ name: 'users' })
    web.bus.use(...middleware(w))
    users.bus.use(...middleware(w))
    users.bus.reply(GetUser, ({ id }) => {
      if (id === 'declared') throw new NotFound({ id })
      throw new TypeError('no')
    })
    await Promise.all([web.bus.start(), users.bus.start()])
    await rejects(web.bus.request(GetUser, { id: 'declared' }), 'DECLARED')
    await rejects(web.bus.request(GetUser, { id: 'thrown' }), 'REMOTE_FAILED')
    await until(() => w.spans().length === 8, 'all spans')
    assert.equal(w.tree(), [
      'web: request user.get CLIENT NotFound',
      '  web: send user.get PRODUCER',
      '    users: process user.get CONSUMER NotFound',
      '      users: reply busbar.replies PRODUCER',
      'web: request user.get CLIENT REMOTE_FAILED',
      '  web: send user.get PRODUCER',
      '    users: process user.get CONSUMER TypeError',
      '      users: reply busbar.replies PRODUCER',
    ])
  })
}

test('nobody answers: the round trip failed, its sending did not', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('web')
  await bus.start()
  const asking = rejects(bus.request(GetUser, { id: '1' }, { timeoutMs: 100 }), 'REQUEST_TIMEOUT')
  await w.advanceUntil(() => w.spans().length === 2, 'both spans')
  await asking
  assert.equal(w.tree(), ['web: request user.get CLIENT REQUEST_TIMEOUT', '  web: send user.get PRODUCER'])
})

test('requestMany is one round trip for all its responders, with how many answered', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('web')
  for (const name of ['one', 'two', 'bad']) {
    const responder = w.traced(name).bus
    responder.reply(GetUser, ({ id }) => {
      if (name === 'bad') throw new TypeError('no')
      return id
    })
    await responder.start()
  }
  await bus.start()
  const outcomes = await lastValueFrom(bus.requestMany(GetUser, { id: '1' }, { count: 3 }).pipe(toArray()))
  assert.is(outcomes.length, 3)
  await until(() => w.spans().length === 8, 'all spans')
  const [root, ...inside] = w.tree()
  assert.equal([root, inside[0]], ['web: request user.get CLIENT', '  web: send user.get PRODUCER'])
  assert.is(inside.filter(line => /^ {4}\w+: process user.get CONSUMER/.test(line)).length, 3)
  const { attributes } = w.span('request user.get')
  assert.equal([attributes['busbar.replies'], attributes['busbar.failed_replies']], [3, 1])
  assert.equal(
    [attributes['messaging.operation.name'], attributes['messaging.destination.name']],
    ['request', 'user.get'],
  )
})

test('a requestMany that got less than it was for is a failed round trip, and so is one that fails', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('web')
  await bus.start()
  let isOver = false
  const none = bus.requestMany(GetUser, { id: '1' }, { timeoutMs: 100 })
  none.subscribe({ complete: () => (isOver = true) })
  await w.advanceUntil(() => isOver, 'its end')
  bus.requestMany(GetUser, { id: '2' }).subscribe().unsubscribe()
  await until(() => w.spans().length === 3, 'the spans of both')
  const failed = rejects(lastValueFrom(bus.requestMany(GetUser, { id: '3' })), 'BUS_CLOSED')
  await until(() => w.spans().length === 4, 'it is sent')
  await bus.close()
  await failed
  await until(() => w.spans().length === 5, 'all spans')
  assert.equal(w.tree(), [
    'web: request user.get CLIENT REQUEST_TIMEOUT',
    '  web: send user.get PRODUCER',
    'web: request user.get CLIENT ABORTED',
    'web: request user.get CLIENT BUS_CLOSED',
    '  web: send user.get PRODUCER',
  ])
  for (const span of w.spans().filter(({ name }) => name === 'request user.get'))
    assert.is(span.attributes['busbar.replies'], 0)
})

test.run()
