/** What the three services agree on, and all that they know of each other. */
import { defineEvent, defineRequest, type EventPayload } from '@busbar/core'
import { z } from 'zod'
import { named } from './environment.js'

export const UserCreated = defineEvent('user.created', {
  topic: named('users'),
  schema: z.object({ id: z.uuid(), email: z.email() }),
  key: user => user.id,
})
export type User = EventPayload<typeof UserCreated>

export const WelcomeSent = defineEvent('welcome.sent', {
  topic: named('welcomes'),
  schema: z.object({ userId: z.uuid() }),
  key: welcome => welcome.userId,
})

export const GetStats = defineRequest('stats.get', {
  topic: named('stats'),
  request: z.object({}),
  reply: z.object({ users: z.int(), welcomed: z.int() }),
})
