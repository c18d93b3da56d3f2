import type { Delivery, Effects, InboundRecord, OutboundRecord, Transport } from '../transport.js'
import { type OnDelivery, record, text } from './inbox.js'
import type { World } from './world.js'

/** What readers see of a topic, from its first record on. */
export class Outputs {
  readonly records: InboundRecord[] = []

  /** Begins to read. */
  static async of(world: World, transport: Transport, topic: string): Promise<Outputs> {
    const outputs = new Outputs()
    const receive = (records: readonly InboundRecord[]) => void outputs.records.push(...records)
    await world.within(`reading ${topic}`, transport.read({ topic, from: 'earliest' }, receive))
    return outputs
  }

  get values(): string[] {
    return this.records.map(({ value }) => text(value))
  }

  get sorted(): string[] {
    return this.values.sort((a, b) => (a < b ? -1 : 1))
  }

  /** The values of those in one partition. */
  valuesOf(partition: number): string[] {
    return this.records.filter(each => each.partition === partition).map(({ value }) => text(value))
  }

  /** Values that are there more than once. */
  get doubled(): string[] {
    const seen = new Set<string>()
    return this.values.filter(value => seen.has(value) || !seen.add(value))
  }
}

/** An output for what was delivered: its value, in the same partition. */
export function outputOf({ record: { partition, value } }: Delivery, topic: string): OutboundRecord {
  return record(topic, text(value), { partition })
}

/** Acknowledges with effects: by default the one output. */
export function ackWith(delivery: Delivery, topic: string, more: Partial<Effects> = {}): boolean {
  return delivery.settle({ kind: 'ack', effects: { records: [outputOf(delivery, topic)], ...more } })
}

/** Acknowledges at once, with one output. */
export const copyTo =
  (topic: string): OnDelivery =>
  delivery =>
    void ackWith(delivery, topic)
