import { type Runtime, sleep, type TopicPartition } from '@busbar/core'
import { hasKafkaErrorType } from './kafka-error.js'
import type { Cluster, GroupBroker } from './kafkajs-internals.js'

/** Isolation of Kafka's ListOffsets and Fetch: the end is the high watermark, or where the first open transaction begins. */
export const readUncommitted = 0
export const readCommitted = 1

/** The bounds of a partition's log, in positions. */
export interface LogRange {
  /** Of the first record that is still there. */
  readonly start: number
  /** One past the last record. */
  readonly end: number
}

const earliest = -2
const latest = -1

/** A key for maps by topic and partition. */
export function partitionKey(topic: string, partition: number): string {
  return `${partition}/${topic}`
}

/** What a leader says that has changed, or that has just been elected and does not know it yet. */
const passing = [
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'REPLICA_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'KafkaJSBrokerNotFound',
]
const passingWithinMs = 3_000
const passingDelayMs = 50

/**
 * Asks the leaders of partitions for the bounds of their logs. The metadata of the topics must have been loaded. Waits a
 * while for leaders: a new topic's are known before they are ready. Rejects with kafkajs's errors.
 */
export async function logRanges(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  isolationLevel: number,
  runtime: Runtime,
): Promise<Map<string, LogRange>> {
  const until = runtime.now() + passingWithinMs
  for (;;) {
    try {
      return await logRangesNow(cluster, partitions, isolationLevel)
    } catch (error) {
      if (!hasKafkaErrorType(error, ...passing) || runtime.now() > until) throw error
    }
    await sleep(runtime, passingDelayMs)
    await cluster.refreshMetadata()
  }
}

async function logRangesNow(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  isolationLevel: number,
): Promise<Map<string, LogRange>> {
  const known = ({ topic, partition }: TopicPartition) =>
    cluster.findTopicPartitionMetadata(topic).some(({ partitionId }) => partitionId === partition)
  if (!partitions.every(known)) await cluster.refreshMetadata()
  const [starts, ends] = await Promise.all([
    listOffsets(cluster, partitions, earliest, readUncommitted),
    listOffsets(cluster, partitions, latest, isolationLevel),
  ])
  const ranges = new Map<string, LogRange>()
  for (const [key, start] of starts) {
    const end = ends.get(key)
    if (end !== undefined) ranges.set(key, { start, end })
  }
  return ranges
}

async function listOffsets(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  timestamp: number,
  isolationLevel: number,
): Promise<Map<string, number>> {
  const offsets = new Map<string, number>()
  const answers = [...byLeader(cluster, partitions)].map(async ([nodeId, topics]) => {
    const broker = (await cluster.findBroker({ nodeId })) as GroupBroker
    const { responses } = await broker.listOffsets({
      isolationLevel,
      topics: [...topics].map(([topic, ids]) => ({
        topic,
        partitions: ids.map(partition => ({ partition, timestamp })),
      })),
    })
    for (const { topic, partitions: found } of responses) {
      for (const { partition, offset } of found) offsets.set(partitionKey(topic, partition), Number(offset))
    }
  })
  await Promise.all(answers)
  return offsets
}

/** Partitions by topic, by the node id of their leader, as the loaded metadata has it. */
export function byLeader(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
): Map<string, Map<string, number[]>> {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of partitions) append(byTopic, topic, partition)
  const leaders = new Map<string, Map<string, number[]>>()
  for (const [topic, ids] of byTopic) {
    for (const [nodeId, led] of Object.entries(cluster.findLeaderForPartitions(topic, ids))) {
      const topics = leaders.get(nodeId) ?? new Map<string, number[]>()
      leaders.set(nodeId, topics.set(topic, led))
    }
  }
  return leaders
}

function append(map: Map<string, number[]>, key: string, value: number): void {
  const values = map.get(key)
  if (values) values.push(value)
  else map.set(key, [value])
}
