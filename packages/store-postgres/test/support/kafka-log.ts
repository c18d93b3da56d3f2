import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { kafkaTransport } from '@busbar/transport-kafka'
import type { LoggedRecord } from './log-server.js'

/** What stands in a topic of Kafka, as it is read. */
export interface KafkaLog extends AsyncDisposable {
  readonly log: readonly LoggedRecord[]
}

export async function kafkaLog(brokers: string[], topic: string): Promise<KafkaLog> {
  const bus = createBus({ name: 'reader', transport: kafkaTransport({ brokers }), logger: silentLogger })
  const log: LoggedRecord[] = []
  const OrderPlaced = defineEvent('order.placed', { topic })
  bus.subscribe(
    OrderPlaced,
    { group: topic },
    (_, { key, id }) => void log.push({ topic, key: key ?? '', id }),
  )
  await bus.start()
  return { log, [Symbol.asyncDispose]: () => bus.close() }
}
