import { type Bus, defineEvent, defineRequest, retry } from '@busbar/core'

export const UserCreated = defineEvent<{ id: string; email: string }>('user.created', {
  key: user => user.id,
})
export const FirstStepsDue = defineEvent<{ id: string; email: string }>('first-steps.due', {
  key: user => user.id,
})
export const MailSent = defineEvent<{ user: string; mail: string }>('mail.sent', { key: sent => sent.user })
export const MailsOf = defineRequest<{ user: string }, readonly string[]>('mails.of')

/** What the service needs of the world. */
export interface MailServer {
  send(to: string, mail: string): Promise<void>
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** Welcomes users at once, explains the first steps an hour later, and answers which mails somebody got. */
export function mailer(bus: Bus, server: MailServer): void {
  const sentTo = new Map<string, string[]>()
  const patient = retry({ attempts: 4, delayMs: minuteMs, maxDelayMs: hourMs, jitter: 'none' })

  bus.subscribe(UserCreated, { use: [patient] }, async user => {
    await server.send(user.email, 'welcome')
    await bus.publish(MailSent, { user: user.id, mail: 'welcome' })
    await bus.publish(FirstStepsDue, user, { delayMs: hourMs })
  })
  bus.subscribe(FirstStepsDue, { use: [patient] }, async user => {
    await server.send(user.email, 'first steps')
    await bus.publish(MailSent, { user: user.id, mail: 'first steps' })
  })
  bus.subscribe(MailSent, ({ user, mail }) => {
    sentTo.set(user, [...(sentTo.get(user) ?? []), mail])
  })
  bus.reply(MailsOf, ({ user }) => sentTo.get(user) ?? [])
}
