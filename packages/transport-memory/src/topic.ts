import { BusbarError } from '@busbar/core'
import { ByteArena } from './byte-arena.js'
import { PartitionLog } from './partition-log.js'
import type { TopicConfig, TopicSettings } from './topic-settings.js'

/** A topic: its settings and the logs of its partitions. */
export class Topic {
  readonly name: string
  /** As given when it was created. */
  readonly config: TopicConfig
  readonly replication: number
  readonly settings: TopicSettings
  /** Where the bytes of its records are kept. */
  readonly arena = new ByteArena()
  readonly #logs: PartitionLog[] = []
  readonly #watchers = new Set<() => void>()

  constructor(options: {
    name: string
    partitions: number
    replication: number
    config: TopicConfig
    settings: TopicSettings
  }) {
    this.name = options.name
    this.config = options.config
    this.replication = options.replication
    this.settings = options.settings
    this.grow(options.partitions)
  }

  get logs(): readonly PartitionLog[] {
    return this.#logs
  }

  /** The log of a partition. Throws `TOPIC_MISSING` where there is none of that number. */
  log(partition: number): PartitionLog {
    const log = this.#logs[partition]
    if (log) return log
    throw new BusbarError(
      'TOPIC_MISSING',
      `topic '${this.name}' has no partition ${partition}: it has ${this.#logs.length}, counted from 0`,
    )
  }

  /** Adds partitions until there are `partitions` of them. */
  grow(partitions: number): void {
    while (this.#logs.length < partitions) {
      this.#logs.push(new PartitionLog(this.name, this.#logs.length, this.settings))
    }
    for (const watcher of this.#watchers) watcher()
  }

  /** Calls back, synchronously, when partitions were added. Returns how to stop that. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }
}
