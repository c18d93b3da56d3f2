import { BusbarError } from './error.js'
import type { TopicSpec } from './transport.js'

/** The topic of a contract with its settings. What is given is applied on creation and verified on an existing topic. */
export interface TopicOptions {
  readonly name: string
  /** Default: the transport's. */
  readonly partitions?: number
  /** Copies of each partition. Default: the broker's. */
  readonly replication?: number
  /** Settings by their Kafka names, for example `{ 'retention.ms': '86400000' }`. */
  readonly config?: Readonly<Record<string, string>>
}

/** The topic of a contract: {@link TopicOptions} with its name checked. */
export type ContractTopic = Omit<TopicSpec, 'create'>

/**
 * The topic that was given, or the contract's own name.
 * @throws BusbarError `TOPIC_INVALID` for a name that Kafka would refuse (its `Topic.validate`).
 */
export function topicOf(contract: string, given: string | TopicOptions | undefined): ContractTopic {
  const topic = typeof given === 'object' ? given : { name: given ?? contract }
  if (!/^[a-zA-Z0-9._-]{1,249}$/.test(topic.name) || topic.name === '.' || topic.name === '..') {
    throw new BusbarError(
      'TOPIC_INVALID',
      `"${topic.name}" cannot be the topic of ${contract}: use 1 to 249 letters, digits, ".", "_" and "-" (option "topic")`,
    )
  }
  for (const setting of ['partitions', 'replication'] as const) {
    const value = topic[setting]
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
      throw new BusbarError(
        'TOPIC_INVALID',
        `topic ${topic.name} of ${contract}: ${setting} must be a positive integer, got ${value}`,
      )
    }
  }
  return Object.freeze({ ...topic })
}
