import type { PartitionQueue } from '../producer/partition-queue.js'

const lastSequence = 0x7fff_ffff

/** The next sequence of each partition in one epoch of a producer. Brokers refuse any other. */
export class TransactionSequences {
  readonly #next = new Map<string, number>()

  of(queue: PartitionQueue): number {
    return this.#next.get(nameOf(queue)) ?? 0
  }

  /** So many records were stored. Sequences wrap to 0 after 2^31 - 1. */
  advance(queue: PartitionQueue, records: number): void {
    const next = this.of(queue) + records
    this.#next.set(nameOf(queue), next > lastSequence ? next - lastSequence - 1 : next)
  }

  /** A new epoch starts at 0 everywhere. */
  clear(): void {
    this.#next.clear()
  }
}

const nameOf = ({ topic, partition }: PartitionQueue): string => `${partition}/${topic}`
