import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FirstStepsDue, MailSent, MailsOf, UserCreated } from '../mailer.js'
import { ada, hourMs, minuteMs, startedMailer } from '../started-mailer.js'

void suite('the mailer', () => {
  void test('welcomes a user, and says so', async () => {
    const { t, bus, server } = await startedMailer()
    await t.track(() => bus.publish(UserCreated, ada))
    assert.deepEqual(server.sent, ['welcome to ada@example.com'])
    assert.deepEqual(t.published(MailSent), [{ user: '1', mail: 'welcome' }])
    assert.deepEqual(t.handled(UserCreated), [ada])
    await t.close()
  })

  void test('tries again while the mail server is down', async () => {
    const { t, bus, server } = await startedMailer()
    server.isDown = true
    await t.track(() => bus.publish(UserCreated, ada))
    await t.clock.advance(minuteMs)
    assert.equal(server.tries, 2)
    server.isDown = false
    await t.clock.advance(2 * minuteMs)
    assert.deepEqual(server.sent, ['welcome to ada@example.com'])
    assert.deepEqual(t.deadLetters(), [])
    await t.close()
  })

  void test('gives up after four tries: the event is a dead letter', async () => {
    const { t, bus, server } = await startedMailer()
    server.isDown = true
    await t.track(() => bus.publish(UserCreated, ada), { tolerateFailures: true, advanceMs: hourMs })
    assert.equal(server.tries, 4)
    const [letter] = t.deadLetters('mailer')
    assert.deepEqual([letter?.attempts, letter?.message], [4, 'the mail server is down'])
    assert.deepEqual(t.published(MailSent), [])
    await t.close()
  })

  void test('explains the first steps an hour later, which takes milliseconds', async () => {
    const { t, bus, server } = await startedMailer()
    await t.track(() => bus.publish(UserCreated, ada))
    await t.clock.advance(hourMs - 1)
    assert.deepEqual(t.handled(FirstStepsDue), [])
    await t.clock.advance(1_000)
    assert.deepEqual(t.handled(FirstStepsDue), [ada])
    assert.deepEqual(server.sent, ['welcome to ada@example.com', 'first steps to ada@example.com'])
    await t.close()
  })

  void test('answers which mails a user got', async () => {
    const { t, bus } = await startedMailer()
    await t.track(() => bus.publish(UserCreated, ada))
    assert.deepEqual(await t.track(() => bus.request(MailsOf, { user: '1' })), ['welcome'])
    assert.deepEqual(await t.track(() => bus.request(MailsOf, { user: '2' })), [])
    await t.close()
  })
})
