import { type Contract, compare, inOneOrder, type Json } from '../contracts/contract.js'
import { replyChannel, topicChannel } from './channels.js'
import { headerComponents } from './headers.js'
import { Keys } from './keys.js'
import { type ContractMessages, Messages } from './messages.js'
import { actionsOf, checkRoles, operation, type Roles } from './operations.js'

export interface AsyncApiOptions extends Roles {
  /** What is described, for example the service's name. */
  readonly title: string
  /** The version of what is described. */
  readonly version: string
  readonly description?: string
  /** By name; `{ host: 'kafka.example.com:9092', protocol: 'kafka' }`. Default: none. */
  readonly servers?: Readonly<Record<string, AsyncApiServer>>
}

/** A server as AsyncAPI has it. */
export interface AsyncApiServer {
  readonly host: string
  /** `kafka`, or `kafka-secure` over TLS. */
  readonly protocol: string
  readonly description?: string
}

/** An AsyncAPI 3.0.0 document: plain JSON. */
export interface AsyncApiDocument {
  readonly asyncapi: '3.0.0'
  readonly info: Json
  readonly defaultContentType: string
  readonly servers?: Json
  readonly channels: Json
  readonly operations: Json
  readonly components: Json
}

/**
 * Describes contracts as AsyncAPI 3.0.0 (asyncapi.com/docs/reference/specification/v3.0.0): a channel for each topic, a
 * message for each event, request, reply and declared error, and what the service does with them. The same contracts
 * give the same document, in whatever order they come.
 *
 * @throws BusbarError `CONFIG_INVALID` where `publishes` or `handles` name what is none of the contracts.
 */
export function asyncApi(contracts: readonly Contract[], options: AsyncApiOptions): AsyncApiDocument {
  const ordered = inOneOrder(contracts)
  checkRoles(ordered, options)
  const messages = new Messages()
  const keysOf = new Map(ordered.map(contract => [contract, messages.add(contract)]))
  const { channels, operations } = wired(ordered, keysOf, options)
  const hasRequests = ordered.some(({ kind }) => kind === 'request')
  const headers = headerComponents(hasRequests)
  return {
    asyncapi: '3.0.0',
    info: {
      title: options.title,
      version: options.version,
      ...(options.description === undefined ? {} : { description: options.description }),
    },
    defaultContentType: 'application/json',
    ...(options.servers === undefined ? {} : { servers: options.servers }),
    channels,
    operations,
    components: {
      messages: messages.messages,
      messageTraits: headers.traits,
      schemas: { ...headers.schemas, ...messages.schemas },
    },
  }
}

/** Channels and operations, by keys that both agree on. */
function wired(
  contracts: readonly Contract[],
  messagesOf: ReadonlyMap<Contract, ContractMessages>,
  roles: Roles,
): { readonly channels: Json; readonly operations: Json } {
  const channels: Record<string, Json> = {}
  const operations: Record<string, Json> = {}
  const channelKeys = new Keys()
  const operationKeys = new Keys()
  const payloadOf = (contract: Contract) => (messagesOf.get(contract) as ContractMessages).payload
  const topics = [...new Set(contracts.map(({ topic }) => topic.name))].sort(compare)
  const channelOf = new Map(topics.map(topic => [topic, channelKeys.of(topic)]))
  for (const [topic, key] of channelOf) {
    const sharing = contracts.filter(contract => contract.topic.name === topic)
    channels[key] = topicChannel(sharing, sharing.map(payloadOf))
  }
  for (const contract of contracts) {
    let reply: { readonly channel: string; readonly messages: readonly string[] } | undefined
    if (contract.kind === 'request') {
      const { answers } = messagesOf.get(contract) as ContractMessages
      reply = { channel: channelKeys.of(`${contract.name}.reply`), messages: answers }
      channels[reply.channel] = replyChannel(contract.name, answers)
    }
    for (const action of actionsOf(contract, roles)) {
      const parts = {
        channel: channelOf.get(contract.topic.name) as string,
        message: payloadOf(contract),
        reply,
      }
      operations[operationKeys.of(`${action}.${contract.name}`)] = operation(action, parts)
    }
  }
  return { channels, operations }
}
