import type { TopicPartition } from '@busbar/core'
import type { Generation } from './coordinator-gate.js'
import type { GroupBroker } from './kafkajs-internals.js'

export interface PositionToCommit extends TopicPartition {
  readonly position: number
  /** How many partitions the topic had when the group's first position in this one was fixed: see `start-positions.ts`. */
  readonly partitionsAtStart: number
}

/** What is written beside a position; `mark` tells one commit from another. */
export function positionMetadata(partitionsAtStart: number, mark?: string): string {
  return `partitions=${partitionsAtStart}${mark === undefined ? '' : `;commit=${mark}`}`
}

/** Reads what {@link positionMetadata} wrote; undefined for what another client wrote. */
export function partitionsAtStartIn(metadata: string | null | undefined): number | undefined {
  const count = /^partitions=(\d+)(?:;|$)/.exec(metadata ?? '')?.[1]
  return count === undefined ? undefined : Number(count)
}

/**
 * Commits positions in one generation of a group. The request names member and generation, so that the coordinator
 * refuses it once the group has moved on: a late commit can't move the position of who holds a partition by then.
 * (kafkajs's own `commitOffsets` retries with whatever generation it has by then.) Rejects with kafkajs's errors.
 */
export async function commitPositions(
  generation: Generation,
  positions: readonly PositionToCommit[],
): Promise<void> {
  const { group, memberId, generationId, cluster } = generation
  const topics = new Map<string, { partition: number; offset: string; metadata: string }[]>()
  for (const { topic, partition, position, partitionsAtStart } of positions) {
    const partitions = topics.get(topic) ?? []
    const metadata = positionMetadata(partitionsAtStart)
    partitions.push({ partition, offset: String(position), metadata })
    topics.set(topic, partitions)
  }
  const coordinator = await connected(generation)
  try {
    await coordinator.offsetCommit({
      groupId: group,
      memberId,
      groupGenerationId: generationId,
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    })
  } catch (error) {
    if ((error as { type?: unknown }).type === 'NOT_COORDINATOR_FOR_GROUP') await cluster.refreshMetadata()
    throw error
  }
}

/** The generation's coordinator, reconnected where its connection was lost. */
async function connected({ coordinator }: Generation): Promise<GroupBroker> {
  if (!coordinator.isConnected()) await coordinator.connect()
  return coordinator
}
