import type { Deliver, Delivery, InboundRecord, RecordPosition, SubscribeSpec } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import type { KafkaTransport } from '@busbar/transport-kafka'

export interface CopyOptions {
  readonly to: string
  /** Called for each delivery; whoever returns true settles it later. */
  readonly hold?: (delivery: Delivery) => boolean
  readonly onCommitted?: (positions: readonly RecordPosition[], delivery: Delivery) => void
}

/** Acknowledges each record together with a copy of it in another topic. */
export function copying(options: CopyOptions): Deliver {
  return async ({ deliveries }) => {
    for (const delivery of deliveries) if (options.hold?.(delivery) !== true) copy(delivery, options)
  }
}

/** Acknowledges one record together with its copy; returns whether that counted. */
export function copy(delivery: Delivery, { to, onCommitted }: CopyOptions): boolean {
  const { key, value, headers, timestampMs } = delivery.record
  return delivery.settle({
    kind: 'ack',
    effects: {
      records: [{ topic: to, key, value, headers, timestampMs }],
      onCommitted: positions => onCommitted?.(positions, delivery),
    },
  })
}

export function transactional(group: string, topics: readonly string[]): SubscribeSpec {
  return { group, topics, from: 'earliest', maxInFlight: 1_000, transactional: true }
}

/** Everything that is committed in a topic now, in the order of each partition. */
export async function readAll(transport: KafkaTransport, topic: string): Promise<InboundRecord[]> {
  const records: InboundRecord[] = []
  await using reader = await transport.read({ topic, from: 'earliest', until: 'end' }, batch => {
    records.push(...batch)
  })
  await deadline(10_000, `reading ${topic} to its end`, reader.closed)
  return records
}

export const textIn = ({ value }: InboundRecord): string => Buffer.from(value ?? []).toString()
