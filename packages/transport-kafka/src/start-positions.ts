import {
  BusbarError,
  type RefusedEffects,
  type Runtime,
  type SubscribeSpec,
  type TopicPartition,
  type TransportEvent,
} from '@busbar/core'
import { partitionsAtStartIn } from './commit-positions.js'
import type { Generation } from './coordinator-gate.js'
import { type LogRange, logRanges, partitionKey, readCommitted, readUncommitted } from './log-offsets.js'

export interface StartPosition extends TopicPartition {
  readonly start: number
  /** What the group had committed; undefined where it had nothing, or nothing that can be used. */
  readonly committed: number | undefined
  readonly partitionsAtStart: number
  /** What was refused of the effects of a record before; nothing where it is absent. */
  readonly refused?: (offset: number) => RefusedEffects | undefined
}

/**
 * Where a member begins with partitions that it has been given: at the committed position; where there is none, at the
 * group's `from`; where that is no longer in the log, at the earliest record, which is reported.
 *
 * `latest` is for what was there when the group began. A partition that was added to the topic later may hold records
 * that were sent before it was assigned: it is read from its beginning. Members begin at the same time, each with its own
 * partitions, so that a topic with some positions need not be an old one for the group. What tells is written beside
 * each position: how many partitions the topic had, for the leader, when that position was fixed.
 */
export async function startPositions(
  generation: Generation,
  partitions: readonly TopicPartition[],
  from: SubscribeSpec['from'],
  runtime: Runtime,
  report: (event: TransportEvent) => void,
  readCommittedOf: ReadPositions = committedPositions,
): Promise<StartPosition[]> {
  const { cluster, group, counts } = generation
  const committed = await readCommittedOf(generation, partitions)
  // Asked afterwards: a log that still grew meanwhile would seem to end before the position.
  const ranges = await logRanges(cluster, partitions, readUncommitted, runtime)
  const fresh = partitions.filter(({ topic, partition }) => !committed.has(partitionKey(topic, partition)))
  const original = from === 'latest' ? await originalOf(generation, fresh) : []
  // What is readable now is not in question for a group that starts with what comes after it.
  const ends =
    original.length > 0
      ? await logRanges(cluster, original, readCommitted, runtime)
      : new Map<string, LogRange>()
  return partitions.map(({ topic, partition }) => {
    const key = partitionKey(topic, partition)
    const range = ranges.get(key)
    if (!range)
      throw new BusbarError(
        'TOPIC_MISSING',
        `Partition ${partition} of topic ${topic} has no leader or is gone`,
      )
    const known = committed.get(key)
    const count = counts.get(topic) ?? cluster.findTopicPartitionMetadata(topic).length
    const partitionsAtStart = known?.partitionsAtStart ?? count
    const begin = (start: number, at?: number) => ({
      topic,
      partition,
      start,
      committed: at,
      partitionsAtStart,
    })
    if (known === undefined) return begin(ends.get(key)?.end ?? range.start)
    const { position } = known
    if (position >= range.start && position <= range.end) return begin(position, position)
    report(outOfRange(group, { topic, partition }, position, range))
    return begin(range.start)
  })
}

/** Those of the partitions without a position that were there when the group began with their topic. */
async function originalOf(
  generation: Generation,
  fresh: readonly TopicPartition[],
): Promise<TopicPartition[]> {
  if (fresh.length === 0) return []
  const { cluster } = generation
  const siblings = [...new Set(fresh.map(({ topic }) => topic))].flatMap(topic =>
    cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ topic, partition: partitionId })),
  )
  const committed = await committedPositions(generation, siblings)
  const firstCounts = new Map<string, number>()
  for (const { topic, partition } of siblings) {
    const known = committed.get(partitionKey(topic, partition))
    if (!known) continue
    // Another client's position says nothing: rather read too much than skip.
    const count = known.partitionsAtStart ?? 0
    firstCounts.set(topic, Math.min(count, firstCounts.get(topic) ?? count))
  }
  return fresh.filter(
    ({ topic, partition }) => partition < (firstCounts.get(topic) ?? Number.POSITIVE_INFINITY),
  )
}

/** The event of a position that is not in the log. Reading goes on with the earliest record that is there. */
export function outOfRange(
  group: string,
  { topic, partition }: TopicPartition,
  position: number,
  range: LogRange,
): TransportEvent {
  const why =
    position < range.start
      ? `records ${position} to ${range.start - 1} are gone: deleted, or older than the topic keeps them`
      : `the log ends at ${range.end}: the topic was created anew, or has lost records`
  const error = new BusbarError(
    'POSITION_OUT_OF_RANGE',
    `Group ${group} stood at ${position} of ${topic}/${partition}, but ${why}. It goes on at ${range.start}`,
  )
  return { type: 'position-out-of-range', group, topic, partition, position, resetTo: range.start, error }
}

/** A position that a group has committed. */
interface CommittedPosition {
  readonly position: number
  /** Undefined where another client committed it. */
  readonly partitionsAtStart: number | undefined
}

/** Reads what a group has committed for partitions: by `partitionKey`, those that have something. */
export type ReadPositions = (
  generation: Generation,
  partitions: readonly TopicPartition[],
) => Promise<ReadonlyMap<string, CommittedPosition>>

async function committedPositions(
  { coordinator, group }: Generation,
  partitions: readonly TopicPartition[],
): Promise<Map<string, CommittedPosition>> {
  const topics = new Map<string, { partition: number }[]>()
  for (const { topic, partition } of partitions)
    topics.set(topic, [...(topics.get(topic) ?? []), { partition }])
  const { responses } = await coordinator.offsetFetch({
    groupId: group,
    topics: [...topics].map(([topic, ids]) => ({ topic, partitions: ids })),
  })
  const positions = new Map<string, CommittedPosition>()
  for (const { topic, partitions: found } of responses) {
    for (const { partition, offset, metadata } of found) {
      const position = Number(offset)
      // Kafka answers -1 where nothing is committed.
      if (position < 0) continue
      positions.set(partitionKey(topic, partition), {
        position,
        partitionsAtStart: partitionsAtStartIn(metadata),
      })
    }
  }
  return positions
}
