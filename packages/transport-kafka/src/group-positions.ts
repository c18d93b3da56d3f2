import { type Runtime, sleep, type TopicPartition } from '@busbar/core'
import type { GroupBroker } from './kafkajs-internals.js'
import { stableOffsets } from './transaction/group-offsets-protocol.js'

export interface GroupPosition extends TopicPartition {
  readonly committed: number
}

/** For so long it waits for transactions to end that have positions of the group, in milliseconds. */
const stableWithinMs = 1_000
const stableDelayMs = 10
const stableVersion = 7
const offsetFetchKey = 9
const unstable = 88

/**
 * Every position that a group has committed. One whose transaction is just being ended counts already, as whoever ended it
 * has been told (but for the group's very first in a partition); one whose transaction stays open does not. Rejects with kafkajs's errors.
 */
export async function groupPositions(
  coordinator: GroupBroker,
  group: string,
  runtime: Runtime,
): Promise<readonly GroupPosition[]> {
  const canBeStable = (coordinator.versions?.[offsetFetchKey]?.maxVersion ?? 0) >= stableVersion
  const until = runtime.now() + stableWithinMs
  while (canBeStable) {
    const { errorCode, offsets } = await coordinator.connectionPool.send(stableOffsets(group))
    if (errorCode === 0)
      return offsets.map(({ topic, partition, position }) => ({ topic, partition, committed: position }))
    if (errorCode !== unstable || runtime.now() > until) break
    await sleep(runtime, stableDelayMs)
  }
  const { responses } = await coordinator.offsetFetch({ groupId: group, topics: [] })
  return responses.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, offset }) => ({ topic, partition, committed: Number(offset) })),
  )
}
