import type { InboundRecord, Receive, Runtime } from '@busbar/core'
import type { FetchTarget } from './partition-fetch.js'

export interface ReadPartitionOptions {
  readonly topic: string
  readonly partition: number
  readonly position: number
  /** Where reading stops, or undefined where it goes on. */
  readonly end: number | undefined
  readonly receive: Receive
  readonly runtime: Runtime
  /** Called when more of the partition may be fetched again, or it is finished. */
  readonly onWelcome: () => void
}

/** A partition that is read without a group. */
export class ReadPartition implements FetchTarget {
  readonly topic: string
  readonly partition: number
  position: number
  heldSince: number | undefined
  readonly #options: ReadPartitionOptions

  constructor(options: ReadPartitionOptions) {
    this.topic = options.topic
    this.partition = options.partition
    this.position = options.position
    this.#options = options
  }

  /** Whether all that was to be read was read, and taken. */
  get finished(): boolean {
    const { end } = this.#options
    return end !== undefined && this.position >= end && this.heldSince === undefined
  }

  take(records: readonly InboundRecord[], next: number): void {
    const { end, receive, runtime, onWelcome } = this.#options
    this.position = next
    const wanted = end === undefined ? records : records.filter(({ offset }) => offset < end)
    const received = wanted.length > 0 ? receive(wanted) : undefined
    if (received === undefined) return
    this.heldSince = runtime.now()
    const welcome = () => {
      this.heldSince = undefined
      onWelcome()
    }
    received.then(welcome, welcome)
  }
}
