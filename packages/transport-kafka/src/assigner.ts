import type { Logger } from '@busbar/core'
import { type Assigner, AssignerProtocol } from 'kafkajs'
import { type Assignment, assignPartitions, type GroupMemberInfo } from './assignment.js'
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
export interface Claim {
  readonly topics: readonly string[]
  readonly held: Assignment
  /** The generation in which it held them; -1: none. */
  readonly generation: number
}

export interface AssignerOptions {
  readonly cluster: Cluster
  readonly logger: Logger
  /** Asked at each join. `subscribed` is kafkajs's own list of topics, which the claim's topics replace in place. */
  readonly claim: () => Claim
}

/**
 * Busbar's partition assigner for kafkajs: see {@link assignPartitions}. kafkajs's own gives the leader's topics to all
 * members and only warns, so that a rolling deploy strands partitions.
 */
export function createAssigner({ cluster, logger, claim }: AssignerOptions): Assigner {
  return {
    name: assignerName,
    version: protocolVersion,
    protocol({ topics }) {
      const { topics: wanted, ...holding } = claim()
      // kafkajs passes the very list by which it later checks what it was assigned, and has no other way to change it
      // while it runs: with it a subscription changes without leaving the group.
      topics.splice(0, topics.length, ...wanted)
      const userData = Buffer.from(JSON.stringify(holding))
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
      const assignments = assignPartitions(infos, counts)
      return [...assignments].map(([memberId, assignment]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: protocolVersion,
          assignment,
          userData: Buffer.alloc(0),
        }),
      }))
    },
  }
}

/** Reads what a member sent; user data that is not ours counts as none. */
export function memberInfo(id: string, metadata: Buffer): GroupMemberInfo {
  const decoded = AssignerProtocol.MemberMetadata.decode(metadata)
  return { id, topics: decoded?.topics ?? [], ...holdingOf(decoded?.userData) }
}

function holdingOf(userData: Buffer | null | undefined): Pick<GroupMemberInfo, 'held' | 'generation'> {
  const nothing = { held: {}, generation: -1 }
  if (!userData || userData.length === 0) return nothing
  let parsed: unknown
  try {
    parsed = JSON.parse(userData.toString())
  } catch {
    return nothing
  }
  if (typeof parsed !== 'object' || parsed === null) return nothing
  const { held, generation } = parsed as { held?: unknown; generation?: unknown }
  if (typeof held !== 'object' || held === null || !Number.isInteger(generation)) return nothing
  const entries = Object.entries(held).map(([topic, partitions]) => [
    topic,
    Array.isArray(partitions) ? partitions.filter(partition => Number.isInteger(partition)) : [],
  ])
  return { held: Object.fromEntries(entries) as Assignment, generation: generation as number }
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
