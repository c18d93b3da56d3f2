import { type AssignableMember, assignPartitions, type Logger, type TopicPartition } from '@busbar/core'
import { type Assigner, AssignerProtocol } from 'kafkajs'
import { hasKafkaErrorType } from './kafka-error.js'
import type { Cluster, GroupBroker } from './kafkajs-internals.js'

/** Names the protocol to the group: members of one group must share it. It changes when the user data does. */
const assignerName = 'busbar-1'

/**
 * The version of Kafka's consumer protocol in which subscriptions are written. Version 1 and later have more fields than
 * kafkajs writes, and brokers read them.
 */
const protocolVersion = 0

/** What a member tells the leader about itself when it joins. */
export type Claim = Required<Omit<AssignableMember, 'id'>>

export interface AssignerOptions {
  readonly cluster: Cluster
  readonly logger: Logger
  /** Asked at each join. `subscribed` is kafkajs's own list of topics, which the claim's topics replace in place. */
  readonly claim: () => Claim
}

/**
 * The bus's partition assigner for kafkajs: see {@link assignPartitions}. kafkajs's own gives the leader's topics to all
 * members and only warns, so that a rolling deploy strands partitions.
 */
export function createAssigner({ cluster, logger, claim }: AssignerOptions): Assigner {
  return {
    name: assignerName,
    version: protocolVersion,
    protocol({ topics }) {
      const { topics: wanted, owned, generation } = claim()
      // kafkajs passes the very list by which it later checks what it was assigned, and has no other way to change it
      // while it runs: with it a subscription changes without leaving the group.
      topics.splice(0, topics.length, ...wanted)
      const userData = Buffer.from(JSON.stringify({ held: byTopic(owned), generation }))
      const metadata = AssignerProtocol.MemberMetadata.encode({
        version: protocolVersion,
        topics: [...wanted],
        userData,
      })
      return { name: assignerName, metadata }
    },
    async assign({ members }) {
      const infos = members.map(({ memberId, memberMetadata }) => memberInfo(memberId, memberMetadata))
      const counts = await partitionCounts(cluster, new Set(infos.flatMap(({ topics }) => topics)), logger)
      const assignments = assignPartitions(infos, topic => counts.get(topic) ?? 0)
      const userData = Buffer.from(JSON.stringify({ counts: Object.fromEntries(counts) }))
      return [...assignments].map(([memberId, partitions]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: protocolVersion,
          assignment: byTopic(partitions),
          userData,
        }),
      }))
    },
  }
}

/** What the leader has assigned to a member. */
export interface MemberAssignment {
  readonly partitions: readonly TopicPartition[]
  /** How many partitions each topic of the group had for the leader; empty where it is no member of this version. */
  readonly counts: ReadonlyMap<string, number>
}

/** Reads what the leader sent. */
export function memberAssignment(encoded: Buffer): MemberAssignment {
  const decoded = AssignerProtocol.MemberAssignment.decode(encoded)
  const { counts } = objectIn(decoded?.userData) as { counts?: unknown }
  const entries = typeof counts === 'object' && counts !== null ? Object.entries(counts) : []
  return {
    partitions: partitionsIn(decoded?.assignment),
    counts: new Map(entries.filter((entry): entry is [string, number] => Number.isInteger(entry[1]))),
  }
}

/** Reads what a member sent; user data that is not ours counts as none. */
export function memberInfo(id: string, metadata: Buffer): AssignableMember {
  const decoded = AssignerProtocol.MemberMetadata.decode(metadata)
  const topics = decoded?.topics ?? []
  const { held, generation } = objectIn(decoded?.userData) as { held?: unknown; generation?: unknown }
  return Number.isInteger(generation)
    ? { id, topics, owned: partitionsIn(held), generation: generation as number }
    : { id, topics }
}

/** What JSON in user data says; nothing where it is no object. */
function objectIn(userData: Buffer | null | undefined): object {
  if (!userData || userData.length === 0) return {}
  try {
    const parsed: unknown = JSON.parse(userData.toString())
    return typeof parsed === 'object' && parsed !== null ? parsed : {}
  } catch {
    return {}
  }
}

/** The partitions in numbers by topic, each once; what is none is left out. */
function partitionsIn(numbersByTopic: unknown): TopicPartition[] {
  if (typeof numbersByTopic !== 'object' || numbersByTopic === null) return []
  return Object.entries(numbersByTopic).flatMap(([topic, numbers]: [string, unknown]) =>
    Array.isArray(numbers)
      ? [...new Set(numbers)]
          .filter(Number.isInteger)
          .map(partition => ({ topic, partition: partition as number }))
      : [],
  )
}

function byTopic(partitions: readonly TopicPartition[]): Record<string, number[]> {
  const numbers = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    numbers.set(topic, [...(numbers.get(topic) ?? []), partition])
  }
  return Object.fromEntries(numbers)
}

/**
 * How many partitions topics have. Asked of a broker rather than of the loaded metadata, since the leader need not have
 * subscribed to what the others have; a topic that is missing or forbidden is left out, and not assigned to anyone.
 */
async function partitionCounts(
  cluster: Cluster,
  topics: ReadonlySet<string>,
  logger: Logger,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  const unknown: string[] = []
  for (const topic of topics) {
    const partitions = cluster.findTopicPartitionMetadata(topic)
    if (partitions.length > 0) counts.set(topic, partitions.length)
    else unknown.push(topic)
  }
  const broker =
    unknown.length === 0 ? undefined : ((await cluster.brokerPool.findConnectedBroker()) as GroupBroker)
  for (const topic of unknown) {
    try {
      const { topicMetadata } = (await broker?.metadata([topic])) ?? { topicMetadata: [] }
      counts.set(topic, topicMetadata[0]?.partitionMetadata.length ?? 0)
    } catch (error) {
      if (!hasKafkaErrorType(error, 'UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED')) throw error
      logger.warn(
        { topic, error },
        'a member of the group subscribed to a topic that this member, its leader, cannot see',
      )
    }
  }
  return counts
}
