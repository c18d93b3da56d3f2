import { BusbarError } from '@busbar/core'
import { hasKafkaErrorType, kafkaError } from './kafka-error.js'
import type { Cluster, GroupBroker } from './kafkajs-internals.js'

const topicErrors = ['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED', 'INVALID_TOPIC_EXCEPTION']

/**
 * Does something with topics; where it fails because of one of them, rejects with an error that names the topic and says
 * whether it is missing or forbidden. kafkajs's own error names none.
 */
export async function withTopicReason<T>(
  cluster: Cluster,
  topics: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!hasKafkaErrorType(error, ...topicErrors)) throw error
    for (const topic of topics) {
      const reason = await topicError(cluster, topic)
      if (reason) throw reason
    }
    throw error
  }
}

/** What is wrong with a topic, or undefined. Asking never creates it. */
export async function topicError(cluster: Cluster, topic: string): Promise<BusbarError | undefined> {
  try {
    const broker = (await cluster.brokerPool.findConnectedBroker()) as GroupBroker
    await broker.metadata([topic])
    return undefined
  } catch (error) {
    if (!hasKafkaErrorType(error, ...topicErrors)) return undefined
    return describeTopicError(error, topic)
  }
}

/** One of Kafka's errors about a topic, with its name. */
export function describeTopicError(error: unknown, topic: string): BusbarError {
  if (hasKafkaErrorType(error, 'UNKNOWN_TOPIC_OR_PARTITION')) {
    return new BusbarError(
      'TOPIC_MISSING',
      `Topic ${topic} does not exist. Create it, or let the bus create it`,
      { cause: error },
    )
  }
  return kafkaError(error, { doing: `Topic ${topic}`, fallback: 'TOPIC_INVALID' })
}
