import type { Delivery, DeliveryBatch, InboundRecord, Outcome } from '@busbar/core'

export interface FakeDelivery extends Delivery {
  /** What it was settled with, in the order of the calls that counted. */
  readonly outcomes: Outcome[]
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (content: Uint8Array | null): string => (content ? new TextDecoder().decode(content) : '')

/** A record as a transport hands it over. */
export function inbound(more: Partial<InboundRecord> = {}): InboundRecord {
  return { topic: 't', partition: 0, offset: 0, key: null, value: null, headers: {}, timestampMs: 0, ...more }
}

/** A delivery that remembers its settlement; `settled` hears of it, also across deliveries. */
export function delivery(
  offset: number,
  key: string | null = null,
  settled: (offset: number, outcome: Outcome) => void = () => {},
): FakeDelivery {
  const outcomes: Outcome[] = []
  return {
    record: inbound({ offset, key: key === null ? null : bytes(key), value: bytes(String(offset)) }),
    attempt: 1,
    outcomes,
    settle(outcome) {
      if (outcomes.length > 0) return false
      outcomes.push(outcome)
      settled(offset, outcome)
      return true
    },
  }
}

export function batchOf(
  deliveries: readonly Delivery[],
  signal: AbortSignal = new AbortController().signal,
): DeliveryBatch {
  return { topic: 't', partition: 0, deliveries, signal }
}
