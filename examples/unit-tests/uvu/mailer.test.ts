import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FirstStepsDue, MailSent, MailsOf, UserCreated } from '../mailer.js'
import { ada, hourMs, minuteMs, startedMailer } from '../started-mailer.js'

const test = suite('the mailer')

test('welcomes a user, and says so', async () => {
  const { t, bus, server } = await startedMailer()
  await t.track(() => bus.publish(UserCreated, ada))
  assert.equal(server.sent, ['welcome to ada@example.com'])
  assert.equal(t.published(MailSent), [{ user: '1', mail: 'welcome' }])
  assert.equal(t.handled(UserCreated), [ada])
  await t.close()
})

test('tries again while the mail server is down', async () => {
  const { t, bus, server } = await startedMailer()
  server.isDown = true
  await t.track(() => bus.publish(UserCreated, ada))
  await t.clock.advance(minuteMs)
  assert.is(server.tries, 2)
  server.isDown = false
  await t.clock.advance(2 * minuteMs)
  assert.equal(server.sent, ['welcome to ada@example.com'])
  assert.equal(t.deadLetters(), [])
  await t.close()
})

test('gives up after four tries: the event is a dead letter', async () => {
  const { t, bus, server } = await startedMailer()
  server.isDown = true
  await t.track(() => bus.publish(UserCreated, ada), { tolerateFailures: true, advanceMs: hourMs })
  assert.is(server.tries, 4)
  const [letter] = t.deadLetters('mailer')
  assert.equal([letter?.attempts, letter?.message], [4, 'the mail server is down'])
  assert.equal(t.published(MailSent), [])
  await t.close()
})

test('explains the first steps an hour later, which takes milliseconds', async () => {
  const { t, bus, server } = await startedMailer()
  await t.track(() => bus.publish(UserCreated, ada))
  await t.clock.advance(hourMs - 1)
  assert.equal(t.handled(FirstStepsDue), [])
  await t.clock.advance(1_000)
  assert.equal(t.handled(FirstStepsDue), [ada])
  assert.equal(server.sent, ['welcome to ada@example.com', 'first steps to ada@example.com'])
  await t.close()
})

test('answers which mails a user got', async () => {
  const { t, bus } = await startedMailer()
  await t.track(() => bus.publish(UserCreated, ada))
  assert.equal(await t.track(() => bus.request(MailsOf, { user: '1' })), ['welcome'])
  assert.equal(await t.track(() => bus.request(MailsOf, { user: '2' })), [])
  await t.close()
})

test.run()
