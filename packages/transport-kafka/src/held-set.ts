import type { BusbarError, Deliver, Runtime, TopicPartition } from '@busbar/core'
import { HeldPartition } from './held-partition.js'
import { partitionKey } from './log-offsets.js'
import type { StartPosition } from './start-positions.js'

export interface HeldSetOptions {
  readonly deliver: Deliver
  readonly runtime: Runtime
  readonly maxInFlight: number
  readonly transactional: boolean
  /** Called when more of some partition may be fetched. */
  readonly onWelcome: () => void
  /** Called when there is more to commit of a partition; `idle`: and it is better committed soon. */
  readonly onProgress: (of: TopicPartition, idle: boolean) => void
}

/** The partitions that a member holds right now, and whether they are paused. */
export class HeldSet {
  readonly #options: HeldSetOptions
  readonly #held = new Map<string, HeldPartition>()
  #paused = false

  constructor(options: HeldSetOptions) {
    this.#options = options
  }

  get all(): HeldPartition[] {
    return [...this.#held.values()]
  }

  get({ topic, partition }: TopicPartition): HeldPartition | undefined {
    return this.#held.get(partitionKey(topic, partition))
  }

  /** Holds a partition from a position on; takes the place of what was held of it. */
  hold(begin: StartPosition): void {
    const { deliver, runtime, maxInFlight, transactional, onWelcome, onProgress } = this.#options
    const paused = () => this.#paused
    const held = new HeldPartition({
      ...begin,
      deliver,
      runtime,
      maxInFlight,
      transactional,
      paused,
      onWelcome,
      onProgress: idle => onProgress(begin, idle),
    })
    this.#held.set(partitionKey(begin.topic, begin.partition), held)
  }

  /** Ends the ownership of these, and forgets them. */
  revoke(partitions: readonly HeldPartition[], reason: BusbarError): void {
    for (const held of partitions) {
      this.#held.delete(partitionKey(held.topic, held.partition))
      held.revoke(reason)
    }
  }

  /** Nothing is fetched and nothing brought back until {@link resume}. */
  pause(): void {
    this.#paused = true
    for (const held of this.#held.values()) held.pause()
  }

  resume(): void {
    this.#paused = false
    for (const held of this.#held.values()) held.resume()
    this.#options.onWelcome()
  }
}
