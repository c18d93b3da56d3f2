/**
 * A small accounts service: it publishes UserCreated, which a mailer and a stats group handle, and answers GetUser.
 * Runs on the in-memory transport; with KAFKA_BROKERS=host:port the same program runs on Kafka.
 */
import { createBus, defineError, defineEvent, defineRequest } from '@busbar/core'
import { z } from 'zod'
import { printingLogger } from './support/printing-logger.js'
import { exampleTransport } from './support/transport.js'

const User = z.object({ id: z.string(), name: z.string(), email: z.email() })

const UserCreated = defineEvent('user.created', { topic: 'users', schema: User, key: user => user.id })
const NotFound = defineError('NotFound', { data: z.object({ id: z.string() }) })
const GetUser = defineRequest('user.get', {
  request: z.object({ id: z.string() }),
  reply: User,
  errors: { NotFound },
})

const users = new Map<string, z.infer<typeof User>>()
const bus = createBus({ name: 'accounts', transport: exampleTransport(), logger: printingLogger })

let mailServerIsUp = false
let welcomed = 0
bus.subscribe(UserCreated, { group: 'mailer' }, (user, context) => {
  if (user.name === 'Grace' && !mailServerIsUp) {
    mailServerIsUp = true
    throw new Error('the mail server is down')
  }
  console.log(`mailer   welcome mail to ${user.email} (attempt ${context.attempt})`)
  welcomed += 1
})

let created = 0
bus.subscribe(UserCreated, { group: 'stats' }, () => {
  created += 1
})

bus.reply(GetUser, ({ id }) => {
  const user = users.get(id)
  if (!user) throw new NotFound({ id })
  return user
})

await bus.start()

for (const [id, name] of [
  ['1', 'Ada'],
  ['2', 'Grace'],
  ['3', 'Edsger'],
] as const) {
  const user = { id, name, email: `${name.toLowerCase()}@example.com` }
  users.set(id, user)
  await bus.publish(UserCreated, user)
}

const ada = await bus.request(GetUser, { id: '1' })
console.log(`accounts user 1 is ${ada.name}`)

try {
  await bus.request(GetUser, { id: '9' })
} catch (error) {
  if (!(error instanceof NotFound)) throw error
  console.log(`accounts there is no user ${error.data.id}`)
}

while (welcomed < 3 || created < 3) await new Promise(resolve => setTimeout(resolve, 10))
console.log(`stats    ${created} users`)

await bus.close()
