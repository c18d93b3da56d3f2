import { systemRuntime } from '../runtime.js'
import type {
  Deliver,
  Delivery,
  DeliveryBatch,
  InboundRecord,
  OutboundRecord,
  TopicPartition,
} from '../transport.js'

/** What an inbox does with a delivery as it comes. */
export type OnDelivery = (delivery: Delivery, batch: DeliveryBatch) => void

/** Leaves deliveries to the case. */
export const hold: OnDelivery = () => {}

/** Acknowledges at once. */
export const acknowledge: OnDelivery = delivery => void delivery.settle({ kind: 'ack' })

/** Takes deliveries at the level of the contract, and welcomes more at once. */
export class Inbox {
  readonly batches: DeliveryBatch[] = []
  readonly deliveries: Delivery[] = []
  readonly deliver: Deliver = async batch => {
    this.batches.push(batch)
    for (const delivery of batch.deliveries) {
      this.deliveries.push(delivery)
      this.#onDelivery(delivery, batch)
    }
  }
  readonly #onDelivery: OnDelivery

  constructor(onDelivery: OnDelivery) {
    this.#onDelivery = onDelivery
  }

  /** The values of all deliveries as text, in the order in which they came. */
  get values(): string[] {
    return this.deliveries.map(({ record }) => text(record.value))
  }

  /** The values of the deliveries of one partition. */
  valuesOf(partition: number): string[] {
    return this.deliveries
      .filter(({ record }) => record.partition === partition)
      .map(({ record }) => text(record.value))
  }

  /** The latest delivery of the record with this value. */
  get(value: string): Delivery {
    const found = this.deliveries.findLast(({ record }) => text(record.value) === value)
    if (!found) throw new Error(`"${value}" was not delivered`)
    return found
  }

  /** The signal that the partition was last delivered under. */
  signalOf({ topic, partition }: TopicPartition): AbortSignal {
    const found = this.batches.findLast(batch => batch.topic === topic && batch.partition === partition)
    if (!found) throw new Error(`nothing of ${topic}/${partition} was delivered`)
    return found.signal
  }
}

export function bytes(content: string): Uint8Array {
  return Buffer.from(content)
}

export function text(content: Uint8Array | null): string {
  return content === null ? '' : Buffer.from(content).toString()
}

/**
 * A record of now with a value, and a key if one is given. Not of a fixed time: a broker removes what is older than it
 * keeps, in the middle of a case.
 */
export function record(
  topic: string,
  value: string,
  more: Partial<Omit<OutboundRecord, 'key'>> & { readonly key?: string } = {},
): OutboundRecord {
  const { key, ...rest } = more
  const content = {
    key: key === undefined ? null : bytes(key),
    value: bytes(value),
    headers: {},
    timestampMs: systemRuntime.now(),
  }
  return { topic, ...content, ...rest }
}

/** `count` records of one partition: `<prefix>0`, `<prefix>1`, … */
export function recordsOf(topic: string, partition: number, count: number, prefix = ''): OutboundRecord[] {
  return Array.from({ length: count }, (_, index) =>
    record(topic, `${prefix}${index}`, { partition, key: `key-${index}` }),
  )
}

/** The texts `<prefix>0`, `<prefix>1`, … below `count`. */
export function valuesOf(count: number, prefix = '', first = 0): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${first + index}`)
}

/** What was received of a record that a case compares: bytes and headers as plain data. */
export function contentOf({ key, value, headers, timestampMs }: InboundRecord): object {
  const plain = (content: Uint8Array | null) => (content === null ? null : [...content])
  const lists = Object.entries(headers).map(([name, values]) => {
    const list: readonly Uint8Array[] = values instanceof Uint8Array ? [values] : values
    return [name, list.map(plain)] as const
  })
  return { key: plain(key), value: plain(value), headers: Object.fromEntries(lists), timestampMs }
}
