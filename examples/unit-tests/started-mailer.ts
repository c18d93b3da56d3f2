import { testBus } from '@busbar/core/testing'
import { type MailServer, mailer } from './mailer.js'

/** A mail server that keeps what it is given, and is down when told so. */
class FakeMailServer implements MailServer {
  readonly sent: string[] = []
  isDown = false
  tries = 0

  async send(to: string, mail: string): Promise<void> {
    this.tries += 1
    if (this.isDown) throw new Error('the mail server is down')
    this.sent.push(`${mail} to ${to}`)
  }
}

export const ada = { id: '1', email: 'ada@example.com' }
export const minuteMs = 60_000
export const hourMs = 60 * minuteMs

/** The service, on a bus of its own for each test. */
export async function startedMailer() {
  const t = testBus({ name: 'mailer' })
  const bus = t.bus()
  const server = new FakeMailServer()
  mailer(bus, server)
  await t.start()
  return { t, bus, server }
}
