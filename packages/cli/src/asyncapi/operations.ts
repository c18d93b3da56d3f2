import { BusbarError } from '@busbar/core'
import type { Contract, Json } from '../contracts/contract.js'
import { reference } from './keys.js'

/** Which contracts the described service publishes and which it handles, by their names. */
export interface Roles {
  /** Events that it publishes, and requests that it asks. */
  readonly publishes?: readonly string[]
  /** Events that it handles, and requests that it answers. */
  readonly handles?: readonly string[]
}

/**
 * What a service does with a contract. Unless told, it is the one that its contracts are about: it publishes the
 * events and answers the requests.
 */
export function actionsOf({ kind, name }: Contract, roles: Roles): readonly ('send' | 'receive')[] {
  const { publishes, handles } = roles
  if (!publishes && !handles) return [kind === 'event' ? 'send' : 'receive']
  return [
    ...(publishes?.includes(name) ? (['send'] as const) : []),
    ...(handles?.includes(name) ? (['receive'] as const) : []),
  ]
}

/** @throws BusbarError `CONFIG_INVALID` for a name that none of the contracts has. */
export function checkRoles(contracts: readonly Contract[], roles: Roles): void {
  const names = new Set(contracts.map(({ name }) => name))
  for (const role of ['publishes', 'handles'] as const) {
    const unknown = roles[role]?.find(name => !names.has(name))
    if (unknown === undefined) continue
    throw new BusbarError(
      'CONFIG_INVALID',
      `"${unknown}" (${role}) is none of the contracts: ${[...names].join(', ') || 'there are none'}`,
    )
  }
}

export interface OperationParts {
  readonly channel: string
  readonly message: string
  /** Of a request: the channel of its replies, and the reply and the declared errors in it. */
  readonly reply?: { readonly channel: string; readonly messages: readonly string[] } | undefined
}

export function operation(action: 'send' | 'receive', { channel, message, reply }: OperationParts): Json {
  return {
    action,
    channel: reference('channels', channel),
    messages: [reference('channels', channel, 'messages', message)],
    ...(reply
      ? {
          reply: {
            address: {
              location: '$message.header#/kafka_replyTopic',
              description: 'The topic that the request names, in the partition that it names.',
            },
            channel: reference('channels', reply.channel),
            messages: reply.messages.map(each => reference('channels', reply.channel, 'messages', each)),
          },
        }
      : {}),
  }
}
