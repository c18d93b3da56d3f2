import {
  BusbarError,
  type Runtime,
  type SubscribeSpec,
  type TopicPartition,
  type TransportEvent,
} from '@busbar/core'
import type { Generation } from './coordinator-gate.js'
import { type LogRange, logRanges, partitionKey, readCommitted, readUncommitted } from './log-offsets.js'

export interface StartPosition extends TopicPartition {
  readonly start: number
  /** What the group had committed; undefined where it had nothing, or nothing that can be used. */
  readonly committed: number | undefined
}

/**
 * Where a member begins with partitions that it has been given: at the committed position; where there is none, at the
 * group's `from`; where that is no longer in the log, at the earliest record, which is reported.
 */
export async function startPositions(
  generation: Generation,
  partitions: readonly TopicPartition[],
  from: SubscribeSpec['from'],
  runtime: Runtime,
  report: (event: TransportEvent) => void,
): Promise<StartPosition[]> {
  const { cluster, group } = generation
  const [committed, ranges] = await Promise.all([
    committedPositions(generation, partitions),
    logRanges(cluster, partitions, readUncommitted, runtime),
  ])
  const fresh = partitions.filter(({ topic, partition }) => !committed.has(partitionKey(topic, partition)))
  // What is readable now is not in question for a group that starts with what comes after it.
  const ends =
    from === 'latest' && fresh.length > 0
      ? await logRanges(cluster, fresh, readCommitted, runtime)
      : new Map<string, LogRange>()
  return partitions.map(({ topic, partition }) => {
    const key = partitionKey(topic, partition)
    const range = ranges.get(key)
    if (!range)
      throw new BusbarError(
        'TOPIC_MISSING',
        `Partition ${partition} of topic ${topic} has no leader or is gone`,
      )
    const position = committed.get(key)
    if (position === undefined) {
      return { topic, partition, start: ends.get(key)?.end ?? range.start, committed: undefined }
    }
    if (position >= range.start && position <= range.end)
      return { topic, partition, start: position, committed: position }
    report(outOfRange(group, { topic, partition }, position, range))
    return { topic, partition, start: range.start, committed: undefined }
  })
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

async function committedPositions(
  { coordinator, group }: Generation,
  partitions: readonly TopicPartition[],
): Promise<Map<string, number>> {
  const topics = new Map<string, { partition: number }[]>()
  for (const { topic, partition } of partitions)
    topics.set(topic, [...(topics.get(topic) ?? []), { partition }])
  const { responses } = await coordinator.offsetFetch({
    groupId: group,
    topics: [...topics].map(([topic, ids]) => ({ topic, partitions: ids })),
  })
  const positions = new Map<string, number>()
  for (const { topic, partitions: found } of responses) {
    for (const { partition, offset } of found) {
      // Kafka answers -1 where nothing is committed.
      if (Number(offset) >= 0) positions.set(partitionKey(topic, partition), Number(offset))
    }
  }
  return positions
}
