import { type Bus, defineEvent, defineRequest, retry } from '@busbar/core'

export const UserCreated = defineEvent<{ id: string; email: string }>('user.created', {
  key: user => user.id,
})
export const WelcomeSent = defineEvent<{ id: string }>('welcome.sent', { key: welcome => welcome.id })
export const CountUsers = defineRequest<{ domain: string }, number>('users.count')

/** What the service needs of the world. */
export interface Mailer {
  send(email: string): Promise<void>
}

const hourMs = 3_600_000

/** A service of three handlers. Its mailer is tried again after an hour. */
export function registerUsers(bus: Bus, mailer: Mailer): void {
  const users = new Map<string, string>()
  bus.subscribe(UserCreated, { group: 'index' }, user => void users.set(user.id, user.email))
  const hourly = retry({ attempts: 3, delayMs: hourMs, maxDelayMs: hourMs, backoff: 'fixed', jitter: 'none' })
  bus.subscribe(UserCreated, { group: 'mailer', use: [hourly] }, async user => {
    await mailer.send(user.email)
    await bus.publish(WelcomeSent, { id: user.id })
  })
  bus.reply(
    CountUsers,
    ({ domain }) => [...users.values()].filter(email => email.endsWith(`@${domain}`)).length,
  )
}
