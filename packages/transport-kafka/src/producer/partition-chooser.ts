import { BusbarError, type OutboundRecord, partitionOfKey, type Runtime } from '@busbar/core'
import type { PartitionQueue } from './partition-queue.js'

/** Records without a key move to another partition once this many bytes wait in theirs (KIP-794's idea). */
const stickyBytes = 64 * 1024

/**
 * Chooses a record's partition, once, before it is first sent, so that a retry can't move it: the one it names; by its
 * key as every Kafka client does (murmur2); otherwise one that all such records go to until their batch is full or on
 * its way (KIP-480), and that is not in trouble.
 */
export class PartitionChooser {
  readonly #runtime: Runtime
  #sticky: PartitionQueue | undefined

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** @throws BusbarError `TOPIC_MISMATCH` for a partition that the topic doesn't have, `CONFIG_INVALID` for none at all. */
  choose(record: OutboundRecord, partitions: readonly PartitionQueue[]): PartitionQueue {
    if (record.partition !== undefined) return named(record.topic, record.partition, partitions)
    if (record.key !== null)
      return partitions[partitionOfKey(record.key, partitions.length)] as PartitionQueue
    const sticky = this.#sticky
    const stay = sticky && sticky.looseBytes > 0 && sticky.looseBytes < stickyBytes && sticky.failures === 0
    if (stay) return sticky
    this.#sticky = this.#another(partitions)
    return this.#sticky
  }

  #another(partitions: readonly PartitionQueue[]): PartitionQueue {
    const start = Math.floor(this.#runtime.random() * partitions.length)
    for (let i = 0; i < partitions.length; i++) {
      const partition = partitions[(start + i) % partitions.length] as PartitionQueue
      if (partition.leader >= 0 && partition.failures === 0 && partition !== this.#sticky) return partition
    }
    return partitions[start] as PartitionQueue
  }
}

function named(topic: string, partition: number, partitions: readonly PartitionQueue[]): PartitionQueue {
  const found = partitions[partition]
  if (found) return found
  if (!Number.isInteger(partition) || partition < 0) {
    throw new BusbarError(
      'CONFIG_INVALID',
      `A record of topic ${topic} names the partition ${partition}, which is none`,
    )
  }
  throw new BusbarError(
    'TOPIC_MISMATCH',
    `A record names partition ${partition} of topic ${topic}, which has ${partitions.length} (0 to ${partitions.length - 1})`,
  )
}
