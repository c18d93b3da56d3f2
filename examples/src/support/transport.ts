import type { Transport } from '@busbar/core'
import { kafkaTransport } from '@busbar/transport-kafka'
import { memoryTransport } from '@busbar/transport-memory'

/** Kafka where KAFKA_BROKERS names one, else a log in this process. */
export function exampleTransport(): Transport {
  const brokers = process.env.KAFKA_BROKERS
  return brokers ? kafkaTransport({ brokers: brokers.split(',') }) : memoryTransport()
}
