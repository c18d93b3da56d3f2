import type { Runtime } from '@busbar/core'
import type { TopicMetadata } from './control-protocol.js'
import { meaningOf } from './error-codes.js'
import { PartitionChooser } from './partition-chooser.js'
import { PartitionQueue } from './partition-queue.js'
import type { PublishCall } from './publish-call.js'

/** Kafka's default of `max.message.bytes`: 1 MiB and the overhead of a batch. */
const defaultMaxMessageBytes = 1_048_588

/** A topic that is written: its partitions once they are known, and until then the records that wait for them. */
export class Topic {
  readonly name: string
  readonly chooser: PartitionChooser
  /** By number; empty until loaded. */
  partitions: readonly PartitionQueue[] = []
  /** The largest batch that the broker takes. */
  maxMessageBytes = defaultMaxMessageBytes
  /** When metadata came last, on the producer's clock. */
  loadedAt = Number.NEGATIVE_INFINITY
  limitLoadedAt = Number.NEGATIVE_INFINITY
  /** Since when the brokers say that there is no such topic. */
  missingSince: number | undefined
  /** What the brokers said last, if it was an error. */
  errorCode = 0
  /** Tries in a row to load it that failed. */
  failures = 0
  lastError: unknown
  /** The records that wait for the partitions, in order: each by its call and its index there. */
  readonly waiting: { readonly call: PublishCall; readonly slot: number }[] = []

  constructor(name: string, runtime: Runtime) {
    this.name = name
    this.chooser = new PartitionChooser(runtime)
  }

  get loaded(): boolean {
    return this.partitions.length > 0
  }

  /** Takes on what the brokers say now. */
  update(found: TopicMetadata, now: number, onMoved: (queue: PartitionQueue, from: number) => void): void {
    this.errorCode = found.errorCode
    const isMissing = meaningOf(found.errorCode).code === 'TOPIC_MISSING'
    this.missingSince = isMissing ? (this.missingSince ?? now) : undefined
    if (found.errorCode !== 0) return
    this.loadedAt = now
    this.failures = 0
    const count = Math.max(0, ...found.partitions.map(({ partition }) => partition + 1))
    if (count > this.partitions.length) {
      const added = Array.from({ length: count - this.partitions.length }, (_, i) => {
        return new PartitionQueue(this.name, this.partitions.length + i)
      })
      this.partitions = [...this.partitions, ...added]
    }
    for (const { partition, leader } of found.partitions) {
      const queue = this.partitions[partition]
      if (!queue || queue.leader === leader) continue
      const from = queue.leader
      queue.leader = leader
      onMoved(queue, from)
    }
  }
}
