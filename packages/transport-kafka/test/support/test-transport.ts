import {
  BusbarError,
  type Deliver,
  type Delivery,
  type DeliveryBatch,
  type Logger,
  silentLogger,
  systemRuntime,
  type TransportEvent,
} from '@busbar/core'
import { type KafkaTransport, type KafkaTransportOptions, kafkaTransport } from '@busbar/transport-kafka'

/** A connected transport and the events that it has reported. */
export interface TestTransport extends AsyncDisposable {
  readonly transport: KafkaTransport
  readonly events: TransportEvent[]
}

export async function connected(
  options: KafkaTransportOptions,
  logger: Logger = silentLogger,
): Promise<TestTransport> {
  const transport = kafkaTransport(options)
  const events: TransportEvent[] = []
  await transport.connect({
    clientId: 'test',
    logger,
    runtime: systemRuntime,
    onEvent: event => events.push(event),
  })
  return { transport, events, [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose]() }
}

/** Publishes texts to a topic, each under its key, to its key's partition or the given one. */
export async function publish(
  transport: KafkaTransport,
  topic: string,
  values: readonly string[],
  where: { key?: (value: string) => string; partition?: number } = {},
): Promise<void> {
  const { key = value => value, partition } = where
  await transport.send(
    values.map(value => ({
      topic,
      ...(partition === undefined ? {} : { partition }),
      key: Buffer.from(key(value)),
      value: Buffer.from(value),
      headers: {},
      timestampMs: Date.now(),
    })),
  )
}

export const textOf = (delivery: Delivery): string => Buffer.from(delivery.record.value ?? []).toString()

/** What came, and a way to keep it unsettled. */
export class Received {
  readonly deliveries: Delivery[] = []
  readonly batches: DeliveryBatch[] = []

  /** A `Deliver` that acknowledges at once what `hold` does not ask to keep. */
  deliver(hold: (delivery: Delivery) => boolean = () => false): Deliver {
    return async batch => {
      this.batches.push(batch)
      for (const delivery of batch.deliveries) {
        this.deliveries.push(delivery)
        if (!hold(delivery)) delivery.settle({ kind: 'ack' })
      }
    }
  }

  get texts(): string[] {
    return this.deliveries.map(textOf)
  }
}

/** The texts `${prefix}0` to `${prefix}${count - 1}`. */
export const texts = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`)

/** The error that a promise rejects with. @throws Error where it resolves. */
export async function refusalOf(work: Promise<unknown>): Promise<BusbarError> {
  try {
    await work
  } catch (error) {
    if (error instanceof BusbarError) return error
    throw error
  }
  throw new Error('it was not refused')
}
