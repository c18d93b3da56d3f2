import { BusbarError, type TopicSpec } from '@busbar/core'
import { hasKafkaErrorType, kafkaError } from './kafka-error.js'
import type { Cluster } from './kafkajs-internals.js'

/** The broker may take this long to create topics, in milliseconds. */
const createTimeoutMs = 5_000
const attempts = 5

/**
 * Creates topics and returns the names of those that this call created: another process may be faster, which is fine.
 * Rejects with a `BusbarError` that names the topic.
 */
export async function createMissing(
  cluster: Cluster,
  specs: readonly TopicSpec[],
  defaults: { readonly partitions: number; readonly replication: number | undefined },
): Promise<string[]> {
  const topics = specs.map(({ name, partitions, replication, config }) => ({
    topic: name,
    numPartitions: partitions ?? defaults.partitions,
    // -1: the broker's default (KIP-464).
    replicationFactor: replication ?? defaults.replication ?? -1,
    configEntries: Object.entries(config ?? {}).map(([key, value]) => ({ name: key, value })),
  }))
  for (let attempt = 1; ; attempt++) {
    await cluster.refreshMetadata()
    const controller = await cluster.findControllerBroker()
    try {
      await controller.createTopics({ topics, validateOnly: false, timeout: createTimeoutMs })
      return specs.map(({ name }) => name)
    } catch (error) {
      if (hasKafkaErrorType(error, 'NOT_CONTROLLER') && attempt < attempts) continue
      return refusedOf(error, specs)
    }
  }
}

/** Those that were created although others were refused; throws unless the others exist by now. */
function refusedOf(error: unknown, specs: readonly TopicSpec[]): string[] {
  const { errors } = error as { errors?: unknown }
  if (!Array.isArray(errors)) throw error
  const refused = errors as readonly { topic?: string }[]
  for (const each of refused) {
    if (hasKafkaErrorType(each, 'TOPIC_ALREADY_EXISTS')) continue
    if (hasKafkaErrorType(each, 'CLUSTER_AUTHORIZATION_FAILED', 'TOPIC_AUTHORIZATION_FAILED')) {
      const why = 'the credentials do not allow creating it: it needs CREATE on the topic or the cluster'
      throw new BusbarError('TOPIC_DENIED', `Creating topic ${each.topic}: ${why}`, { cause: each })
    }
    throw kafkaError(each, { doing: `Creating topic ${each.topic}`, fallback: 'TOPIC_INVALID' })
  }
  return specs.map(({ name }) => name).filter(name => !refused.some(({ topic }) => topic === name))
}
