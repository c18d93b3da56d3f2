import { type Contract, compare, type Json } from '../contracts/contract.js'
import { reference } from './keys.js'

/** The channel of a topic: its settings, and the messages of the contracts that share it. */
export function topicChannel(contracts: readonly Contract[], messageKeys: readonly string[]): Json {
  const address = contracts[0]?.topic.name
  return {
    address,
    messages: messagesOf(messageKeys),
    bindings: { kafka: { ...settingsOf(contracts), bindingVersion: '0.5.0' } },
  }
}

/** Replies go to a topic that the request names: its address is not known before. */
export function replyChannel(request: string, messageKeys: readonly string[]): Json {
  return {
    address: null,
    description: `The topic that a request ${request} names in its header kafka_replyTopic.`,
    messages: messagesOf(messageKeys),
  }
}

function messagesOf(keys: readonly string[]): Json {
  return Object.fromEntries(keys.map(key => [key, reference('components', 'messages', key)]))
}

/** Of contracts that share a topic some may declare nothing of it; what one declares counts. */
function settingsOf(contracts: readonly Contract[]): Json {
  const topics = contracts.map(({ topic }) => topic)
  const partitions = topics.find(topic => topic.partitions !== undefined)?.partitions
  const replicas = topics.find(topic => topic.replication !== undefined)?.replication
  const config = Object.assign({}, ...topics.map(topic => topic.config)) as Readonly<Record<string, string>>
  return {
    topic: topics[0]?.name,
    ...(partitions === undefined ? {} : { partitions }),
    ...(replicas === undefined ? {} : { replicas }),
    ...(Object.keys(config).length === 0 ? {} : { topicConfiguration: configuration(config) }),
  }
}

/** As AsyncAPI's Kafka binding 0.5.0 has them: most as text, these as lists, numbers and booleans. */
function configuration(config: Readonly<Record<string, string>>): Json {
  const numbers = ['retention.ms', 'retention.bytes', 'delete.retention.ms', 'max.message.bytes']
  const convert = (name: string, value: string): unknown => {
    if (name === 'cleanup.policy') return value.split(',').map(each => each.trim())
    if (numbers.includes(name) && /^-?\d+$/.test(value)) return Number(value)
    if (name.startsWith('confluent.') && /^(true|false)$/.test(value)) return value === 'true'
    return value
  }
  const byName = Object.entries(config).sort(([one], [other]) => compare(one, other))
  return Object.fromEntries(byName.map(([name, value]) => [name, convert(name, value)]))
}
