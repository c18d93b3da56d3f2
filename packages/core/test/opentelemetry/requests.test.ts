import { correlation, defineError, defineEvent, defineRequest, type Middleware } from '@busbar/core'
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

test.run()
