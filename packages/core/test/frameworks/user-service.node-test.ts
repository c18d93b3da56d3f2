import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testBus } from '@busbar/core/testing'
import { CountUsers, type Mailer, registerUsers, UserCreated, WelcomeSent } from './user-service.js'

void test('welcomes a user an hour later when the mailer is down', async () => {
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
  assert.deepEqual(t.handled(UserCreated, { group: 'mailer' }), [])

  isDown = false
  await t.clock.advance(3_600_000)
  assert.deepEqual(sent, ['ada@example.com'])
  assert.deepEqual(t.published(WelcomeSent), [{ id: '1' }])
  assert.equal(await t.track(() => bus.request(CountUsers, { domain: 'example.com' })), 1)
  await t.close()
})
