import { BusbarError } from '@busbar/core'
import type { Kafka } from 'kafkajs'
import type { Cluster } from './kafkajs-internals.js'

/**
 * A cluster of its own for this `Kafka`, connected: its connections, metadata, TLS and SASL, without a consumer, a
 * producer or an admin around it. Whoever opened it disconnects it.
 *
 * @throws BusbarError `CONFIG_INVALID` when kafkajs is not as expected; kafkajs's own error when no broker answers.
 */
export async function openCluster(kafka: Kafka): Promise<Cluster> {
  const cluster = captureCluster(kafka)
  await cluster.connect()
  return cluster
}

/**
 * The same, not connected. Missing topics are never created by asking for them.
 *
 * kafkajs hands its cluster to the factories in `partitionAssigners`, which is a documented option; the consumer
 * that is made for it never connects.
 *
 * @throws BusbarError `CONFIG_INVALID` when kafkajs is not as expected.
 */
export function captureCluster(kafka: Kafka): Cluster {
  let captured: unknown
  kafka.consumer({
    groupId: 'busbar-unused',
    allowAutoTopicCreation: false,
    partitionAssigners: [
      ({ cluster }) => {
        captured = cluster
        return {
          name: 'busbar-unused',
          version: 1,
          assign: async () => [],
          protocol: () => ({ name: 'busbar-unused', metadata: Buffer.alloc(0) }),
        }
      },
    ],
  })
  const missing = missingInternals(captured)
  if (missing.length > 0) {
    throw new BusbarError(
      'CONFIG_INVALID',
      `This kafkajs is not the one that Busbar knows (2.2.4): its cluster lacks ${missing.join(', ')}. Install kafkajs 2.2.4`,
    )
  }
  return captured as Cluster
}

const expectedFunctions = [
  'connect',
  'disconnect',
  'isConnected',
  'addTargetTopic',
  'addMultipleTargetTopics',
  'refreshMetadata',
  'refreshMetadataIfNecessary',
  'findTopicPartitionMetadata',
  'findLeaderForPartitions',
  'findBroker',
  'findControllerBroker',
  'findGroupCoordinator',
  'fetchTopicsOffset',
  'connectionPoolBuilder.build',
  'brokerPool.createBroker',
  'brokerPool.findConnectedBroker',
] as const

/** The paths of what this package uses of a cluster and is not there. */
export function missingInternals(cluster: unknown): string[] {
  const missing: string[] = expectedFunctions.filter(path => typeof valueAt(cluster, path) !== 'function')
  if (valueAt(cluster, 'brokerPool.rootLogger') === undefined) missing.push('brokerPool.rootLogger')
  if (!(valueAt(cluster, 'targetTopics') instanceof Set)) missing.push('targetTopics')
  return missing
}

function valueAt(root: unknown, path: string): unknown {
  let value = root
  for (const name of path.split('.')) value = (value as Record<string, unknown> | null | undefined)?.[name]
  return value
}
