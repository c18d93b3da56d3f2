import { BusbarError } from '@busbar/core'
import type { Cluster } from './kafkajs-internals.js'
import { byLeader } from './log-offsets.js'
import type { FetchLimits, PartitionFetcher } from './partition-fetch.js'
import type { ReadPartition } from './read-partition.js'

export interface ReadRoundOptions {
  readonly cluster: Cluster
  readonly fetcher: PartitionFetcher
  readonly limits: FetchLimits
  readonly partitions: readonly ReadPartition[]
  /** Ends the round at once. */
  readonly signal: AbortSignal
  /** Called after each answer of a broker. */
  readonly onAnswer: () => void
  /** Asked after each answer: whether partitions must be dealt out to their leaders anew. */
  readonly isOver: () => boolean
}

/** Reads from each leader until one of them fails, all is read, or the round is over. Rejects with kafkajs's errors. */
export async function readRound(options: ReadRoundOptions): Promise<void> {
  const { cluster, partitions, signal } = options
  const round = { over: false }
  const leaders = [...byLeader(cluster, partitions)].map(([nodeId, topics]) => {
    const led = partitions.filter(({ topic, partition }) => topics.get(topic)?.includes(partition))
    return readLeader(nodeId, led, round, options)
  })
  if (leaders.length === 0) throw new BusbarError('CONNECTION_FAILED', 'no partition has a leader')
  const stopped = whenAborted(signal)
  try {
    await Promise.race([Promise.all(leaders), stopped.promise])
  } finally {
    round.over = true
    stopped.forget()
    // The others end with their request; a failure of theirs has nobody to go to.
    for (const leader of leaders) leader.catch(() => {})
  }
}

async function readLeader(
  nodeId: string,
  partitions: readonly ReadPartition[],
  round: { over: boolean },
  { cluster, fetcher, limits, signal, onAnswer, isOver }: ReadRoundOptions,
): Promise<void> {
  const broker = await cluster.findBroker({ nodeId })
  while (!round.over && !signal.aborted) {
    const open = partitions.filter(partition => !partition.finished)
    if (open.length === 0) return
    await fetcher.fetchOnce(broker, open, limits)
    onAnswer()
    await cluster.refreshMetadataIfNecessary()
    if (isOver()) round.over = true
  }
}

function whenAborted(signal: AbortSignal): { readonly promise: Promise<void>; forget(): void } {
  let onAbort = () => {}
  const promise = new Promise<void>(resolve => {
    onAbort = resolve
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  return { promise, forget: () => signal.removeEventListener('abort', onAbort) }
}
