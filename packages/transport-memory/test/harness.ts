import {
  BusbarError,
  type BusbarErrorCode,
  type Deliver,
  type Delivery,
  type DeliveryBatch,
  type OutboundRecord,
  type SubscribeSpec,
  silentLogger,
  type TransportEvent,
  type TransportSubscription,
} from '@busbar/core'
import {
  type MemoryBroker,
  type MemoryTransport,
  type MemoryTransportOptions,
  memoryTransport,
} from '@busbar/transport-memory'
import * as assert from 'uvu/assert'
import type { FakeRuntime } from './fake-runtime.js'

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const text = (content: unknown): string =>
  content instanceof Uint8Array ? new TextDecoder().decode(content) : String(content)

/** A record with a value; key and the rest as given. */
export function record(
  topic: string,
  value: string,
  more: Partial<OutboundRecord> & { k?: string } = {},
): OutboundRecord {
  const { k, ...rest } = more
  return {
    topic,
    key: k === undefined ? null : bytes(k),
    value: bytes(value),
    headers: {},
    timestampMs: 1_000_000,
    ...rest,
  }
}

export interface Service {
  readonly transport: MemoryTransport
  readonly events: TransportEvent[]
}

export async function connect(
  runtime: FakeRuntime,
  options: MemoryTransportOptions,
  clientId = 'test',
): Promise<Service> {
  const transport = memoryTransport(options)
  const events: TransportEvent[] = []
  await transport.connect({
    clientId,
    logger: silentLogger,
    runtime,
    onEvent: event => void events.push(event),
  })
  return { transport, events }
}

/** Takes everything, welcomes more at once, and leaves settling to the test unless told otherwise. */
export class Inbox {
  readonly batches: DeliveryBatch[] = []
  readonly deliveries: Delivery[] = []
  readonly deliver: Deliver = async batch => {
    this.batches.push(batch)
    for (const delivery of batch.deliveries) {
      this.deliveries.push(delivery)
      if (this.acks) delivery.settle({ kind: 'ack' })
    }
  }
  acks: boolean

  constructor(options: { acks?: boolean } = {}) {
    this.acks = options.acks ?? false
  }

  get values(): string[] {
    return this.deliveries.map(({ record }) => text(record.value))
  }

  get(value: string): Delivery {
    const found = this.deliveries.findLast(({ record }) => text(record.value) === value)
    if (!found) throw new Error(`'${value}' was not delivered`)
    return found
  }

  ack(...values: string[]): void {
    for (const value of values)
      assert.ok(this.get(value).settle({ kind: 'ack' }), `${value} was settled before`)
  }
}

export async function subscribe(
  runtime: FakeRuntime,
  { transport }: Service,
  inbox: Inbox,
  spec: Partial<SubscribeSpec> = {},
): Promise<TransportSubscription> {
  const whole = { group: 'g', topics: ['t'], from: 'earliest', maxInFlight: 1_000, ...spec } as const
  const subscription = await runtime.until(transport.subscribe(whole, inbox.deliver))
  await runtime.settle()
  return subscription
}

/** `t/0 t/1`, of what the group's members hold, by member in the order in which they joined. */
export const holdings = (broker: MemoryBroker, group = 'g'): string[] =>
  broker
    .describeGroup(group)
    .members.map(({ partitions }) =>
      partitions.map(({ topic, partition }) => `${topic}/${partition}`).join(' '),
    )

export const committed = (broker: MemoryBroker, group = 'g'): number[] =>
  broker.positions(group).map(position => position.committed)

/** Fails unless the promise rejects with this code; returns the error. */
export async function rejects(promise: Promise<unknown>, code: BusbarErrorCode): Promise<BusbarError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.instance(error, BusbarError)
  assert.is((error as BusbarError).code, code)
  return error as BusbarError
}
