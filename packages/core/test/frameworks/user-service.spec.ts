import { testBus } from '@busbar/core/testing'
import { expect, test } from 'vitest'
import { CountUsers, type Mailer, registerUsers, UserCreated, WelcomeSent } from './user-service.js'

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
  expect(t.handled(UserCreated, { group: 'mailer' })).toEqual([])

  isDown = false
  await t.clock.advance(3_600_000)
  expect(sent).toEqual(['ada@example.com'])
  expect(t.published(WelcomeSent)).toEqual([{ id: '1' }])
  expect(await t.track(() => bus.request(CountUsers, { domain: 'example.com' }))).toBe(1)
  await t.close()
})
