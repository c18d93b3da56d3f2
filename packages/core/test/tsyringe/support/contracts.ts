import { defineEvent, defineRequest } from '@busbar/core'

export interface User {
  readonly id: string
  readonly email: string
}

export const UserCreated = defineEvent<User>('user.created', { topic: 'users', key: user => user.id })
export const UserGone = defineEvent<User>('user.gone', { topic: 'users', key: user => user.id })
export const GetUser = defineRequest<{ readonly id: string }, User>('user.get')

export const ada: User = { id: '1', email: 'ada@example.com' }
export const grace: User = { id: '2', email: 'grace@example.com' }
