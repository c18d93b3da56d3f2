import type { Runtime, SubscribeSpec, TopicPartition, TransportEvent } from '@busbar/core'
import { partitionsAtStartIn } from '../commit-positions.js'
import type { Generation } from '../coordinator-gate.js'
import type { HeldPartition } from '../held-partition.js'
import { partitionKey } from '../log-offsets.js'
import { type ReadPositions, type StartPosition, startPositions } from '../start-positions.js'
import type { Attempt } from './coordinators.js'
import type { TaskProducer } from './task-producer.js'
import type { Transactions } from './transactions.js'

/** By `partitionKey`, where reading is to begin although that was not committed. */
export type Sought = ReadonlyMap<string, number>

export interface TaskBeginning {
  readonly spec: SubscribeSpec
  readonly runtime: Runtime
  readonly shared: Transactions
  readonly partitions: readonly TopicPartition[]
  /** Has claimed the partitions. */
  readonly producer: TaskProducer
  readonly generation: Generation
  readonly sought: Sought
  readonly attempt: Attempt
  readonly report: (event: TransportEvent) => void
}

/** Where the partitions of a task begin, once no transaction is open for them; stored where the group had nothing yet. */
export async function taskStarts(beginning: TaskBeginning): Promise<readonly StartPosition[]> {
  const { spec, runtime, shared, partitions, producer, generation, sought, attempt, report } = beginning
  const read = stableReading(shared, spec.group, attempt)
  const found = await startPositions(generation, partitions, spec.from, runtime, report, read)
  const starts = found.map(each => {
    const start = sought.get(partitionKey(each.topic, each.partition))
    return start === undefined ? each : { ...each, start, committed: undefined }
  })
  const anew = starts.filter(({ committed }) => committed === undefined)
  if (anew.length > 0) {
    const positions = anew.map(each => ({ ...each, position: each.start }))
    await producer.store(generation, [], positions, attempt)
    // Whoever asks for all positions of the group would not find a first one that is still being ended.
    await shared.committed(spec.group, positions, attempt)
  }
  return starts.map(each => ({ ...each, committed: each.start }))
}

/** Of what is held, where it was sought and that is not committed yet. */
export function soughtIn(held: readonly HeldPartition[]): Sought {
  return new Map(
    held.flatMap(each => {
      const start = each.uncommittedStart
      return start === undefined ? [] : [[partitionKey(each.topic, each.partition), start]]
    }),
  )
}

function stableReading(shared: Transactions, group: string, attempt: Attempt): ReadPositions {
  return async (_, partitions) => {
    const offsets = await shared.committed(group, partitions, attempt)
    return new Map(
      offsets.map(({ topic, partition, position, metadata }) => [
        partitionKey(topic, partition),
        { position, partitionsAtStart: partitionsAtStartIn(metadata) },
      ]),
    )
  }
}
