import { BusbarError, type Runtime, sleep } from '@busbar/core'
import { hasKafkaErrorType } from './kafka-error.js'
import type { Cluster, GroupBroker, PartitionMetadata } from './kafkajs-internals.js'
import { describeTopicError } from './topic-reason.js'

/** How long a new topic may take until each partition has a leader that every broker knows. */
const leadersWithinMs = 10_000

/** Until each partition has a leader, as every broker that answers sees it. */
export async function untilLed(cluster: Cluster, runtime: Runtime, topic: string): Promise<void> {
  const until = runtime.now() + leadersWithinMs
  for (const nodeId of cluster.getNodeIds()) {
    for (;;) {
      try {
        const broker = (await cluster.findBroker({ nodeId })) as GroupBroker
        const partitions = await describeOn(broker, topic)
        if (partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)) break
      } catch (error) {
        const unknown = hasKafkaErrorType(error, 'LEADER_NOT_AVAILABLE', 'UNKNOWN_TOPIC_OR_PARTITION')
        // A broker that can't be reached says nothing about the topic.
        if (!unknown) break
        if (runtime.now() > until) throw error
      }
      if (runtime.now() > until)
        throw new BusbarError('CONNECTION_FAILED', `Topic ${topic} has got no leader`)
      await sleep(runtime, 25)
    }
  }
}

/** The partitions of a topic, as one broker knows them. Rejects with a `BusbarError` where it is missing or forbidden. */
export async function describeOn(broker: GroupBroker, topic: string): Promise<readonly PartitionMetadata[]> {
  try {
    const { topicMetadata } = await broker.metadata([topic])
    return topicMetadata.find(each => each.topic === topic)?.partitionMetadata ?? []
  } catch (error) {
    if (
      hasKafkaErrorType(
        error,
        'UNKNOWN_TOPIC_OR_PARTITION',
        'TOPIC_AUTHORIZATION_FAILED',
        'INVALID_TOPIC_EXCEPTION',
      )
    ) {
      throw describeTopicError(error, topic)
    }
    throw error
  }
}
