/** The text of a module that exports one event of a record with these fields (JSON). */
export function eventModule(
  fields: readonly unknown[],
  options: { topic?: string; record?: string } = {},
): string {
  const { topic = 'users', record = 'User' } = options
  const definition = JSON.stringify({ type: 'record', name: record, namespace: 'com.example', fields })
  return `
    import { defineEvent } from '@busbar/core'
    import { avro } from '@busbar/core/avro'
    export const Event = defineEvent(${JSON.stringify(`${topic}.${record}`)}, { topic: ${JSON.stringify(topic)}, schema: avro(${definition}) })`
}

export const id = { name: 'id', type: 'string' }
export const age = { name: 'age', type: 'int' }
export const ageByDefault = { ...age, default: 0 }

/** Several contracts, nested in what the module exports, and what is none. */
export const requestModule = `
import { defineError, defineEvent, defineRequest } from '@busbar/core'
import * as z from 'zod'
export const UserCreated = defineEvent('user.created', { topic: 'users', schema: z.object({ id: z.string() }), key: user => user.id })
export const requests = { nested: [new Map([['get', defineRequest('user.get', { errors: { NotFound: defineError('NotFound') } })]])] }
export { UserCreated as again }
export const other = { kind: 'event', name: 'no codec' }
export default class Unrelated {}
`
