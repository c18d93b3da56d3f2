import { describe, expect, test } from 'vitest'
import { FirstStepsDue, MailSent, MailsOf, UserCreated } from '../mailer.js'
import { ada, hourMs, minuteMs, startedMailer } from '../started-mailer.js'

describe('the mailer', () => {
  test('welcomes a user, and says so', async () => {
    const { t, bus, server } = await startedMailer()
    await t.track(() => bus.publish(UserCreated, ada))
    expect(server.sent).toEqual(['welcome to ada@example.com'])
    expect(t.published(MailSent)).toEqual([{ user: '1', mail: 'welcome' }])
    expect(t.handled(UserCreated)).toEqual([ada])
    await t.close()
  })

  test('tries again while the mail server is down', async () => {
    const { t, bus, server } = await startedMailer()
    server.isDown = true
    await t.track(() => bus.publish(UserCreated, ada))
    await t.clock.advance(minuteMs)
    expect(server.tries).toBe(2)
    server.isDown = false
    await t.clock.advance(2 * minuteMs)
    expect(server.sent).toEqual(['welcome to ada@example.com'])
    expect(t.deadLetters()).toEqual([])
    await t.close()
  })

  test('gives up after four tries: the event is a dead letter', async () => {
    const { t, bus, server } = await startedMailer()
    server.isDown = true
    await t.track(() => bus.publish(UserCreated, ada), { tolerateFailures: true, advanceMs: hourMs })
    expect(server.tries).toBe(4)
    const [letter] = t.deadLetters('mailer')
    expect([letter?.attempts, letter?.message]).toEqual([4, 'the mail server is down'])
    expect(t.published(MailSent)).toEqual([])
    await t.close()
  })

  test('explains the first steps an hour later, which takes milliseconds', async () => {
    const { t, bus, server } = await startedMailer()
    await t.track(() => bus.publish(UserCreated, ada))
    await t.clock.advance(hourMs - 1)
    expect(t.handled(FirstStepsDue)).toEqual([])
    await t.clock.advance(1_000)
    expect(t.handled(FirstStepsDue)).toEqual([ada])
    expect(server.sent).toEqual(['welcome to ada@example.com', 'first steps to ada@example.com'])
    await t.close()
  })

  test('answers which mails a user got', async () => {
    const { t, bus } = await startedMailer()
    await t.track(() => bus.publish(UserCreated, ada))
    expect(await t.track(() => bus.request(MailsOf, { user: '1' }))).toEqual(['welcome'])
    expect(await t.track(() => bus.request(MailsOf, { user: '2' }))).toEqual([])
    await t.close()
  })
})
