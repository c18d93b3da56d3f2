import { testBus } from '@busbar/core/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CountUsers, type Mailer, registerUsers, UserCreated, WelcomeSent } from './user-service.js'

const test = suite('a service under test, with uvu')

test('welcomes a user an hour later when the mailer is down', async () => {
  const sent: string[] = []
  let isDown = true
  const mailer: Mailer = {
    async send(email) {
      if (isDown) throw new Error('the mailer is down')
      sent.push(email)
    },
  }
  const t = testBus({ name: 'users' })
  const bus = t.bus()
  registerUsers(bus, mailer)
  await t.start()

  await t.track(() => bus.publish(UserCreated, { id: '1', email: 'ada@example.com' }))
  assert.equal(t.handled(UserCreated, { group: 'index' }), [{ id: '1', email: 'ada@example.com' }])
  assert.equal(t.handled(UserCreated, { group: 'mailer' }), [])

  isDown = false
  await t.clock.advance(3_600_000)
  assert.equal(sent, ['ada@example.com'])
  assert.equal(t.published(WelcomeSent), [{ id: '1' }])
  assert.is(await t.track(() => bus.request(CountUsers, { domain: 'example.com' })), 1)
  await t.close()
})

test.run()
