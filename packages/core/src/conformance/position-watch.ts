import assert from 'node:assert/strict'
import type { InboundRecord, Transport } from '../transport.js'
import { pause } from './waiting.js'

/**
 * Samples the positions of a group while a case runs, and holds them to two promises: a position never passes a record
 * that is not finished, and it never goes back.
 */
export class PositionWatch {
  readonly #transport: Transport
  readonly #group: string
  /** By partition: the first position that is not finished, and those beyond it that are. */
  readonly #partitions = new Map<string, { prefix: number; readonly beyond: Set<number> }>()
  readonly #committed = new Map<string, number>()
  samples = 0

  constructor(transport: Transport, group: string) {
    this.#transport = transport
    this.#group = group
  }

  /** To be called before, or in the same turn as, the settlement of a record. */
  finished({ topic, partition, offset }: Pick<InboundRecord, 'topic' | 'partition' | 'offset'>): void {
    const label = `${topic}/${partition}`
    const known = this.#partitions.get(label) ?? { prefix: 0, beyond: new Set() }
    this.#partitions.set(label, known)
    if (offset >= known.prefix) known.beyond.add(offset)
    while (known.beyond.delete(known.prefix)) known.prefix += 1
  }

  /** Samples until `work` is done; rejects as `work` does, or with the first promise that was broken. */
  async during(work: () => Promise<void>): Promise<void> {
    let isDone = false
    const sampling = (async () => {
      while (!isDone) {
        await this.#sample()
        await pause(3)
      }
      await this.#sample()
    })()
    // Looked at below; a case that fails meanwhile must not leave it unhandled.
    sampling.catch(() => {})
    try {
      await work()
    } finally {
      isDone = true
    }
    await sampling
    assert(this.samples > 1, 'positions were not sampled')
  }

  async #sample(): Promise<void> {
    const positions = await this.#transport.positions(this.#group)
    this.samples += 1
    for (const { topic, partition, committed, end } of positions) {
      const label = `${topic}/${partition}`
      // What is finished is looked up after the answer came: it can only have grown since.
      const prefix = this.#partitions.get(label)?.prefix ?? 0
      assert(committed <= prefix, `${label} is committed to ${committed}, and ${prefix} is not finished`)
      assert(committed <= end, `${label} is committed to ${committed}, beyond its end ${end}`)
      const before = this.#committed.get(label) ?? 0
      assert(committed >= before, `the position of ${label} went back from ${before} to ${committed}`)
      this.#committed.set(label, committed)
    }
  }
}
