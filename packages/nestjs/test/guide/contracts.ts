import { defineError, defineEvent, defineRequest } from '@busbar/core'
import { plainText } from '@busbar/nestjs'

export interface User {
  readonly id: string
  readonly email: string
}

export const UserCreated = defineEvent<User>('user.created', { key: user => user.id })
export const NotFound = defineError<{ readonly id: string }>('NotFound')
export const GetUser = defineRequest<{ readonly id: string }, User>('user.get', { errors: { NotFound } })

// What a service on Nest's Kafka module emits has no CloudEvents headers.
export const OrderPlaced = defineEvent<{ readonly orderId: string }>('order.placed', { foreign: true })
// ClientKafka writes a string as it is, without the quotes of JSON.
export const Audited = defineEvent('audited', { schema: plainText, foreign: true })
