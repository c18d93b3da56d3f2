import type { Logger } from '@busbar/core'
import { Kafka, logLevel } from 'kafkajs'
import { framingSocketFactory } from './framing-socket-factory.js'
import { kafkaLogCreator } from './kafka-log.js'
import type { ResolvedOptions } from './options.js'
import { quietKafkaTimers } from './quiet-timers.js'
import type { SocketRegistry } from './socket-registry.js'

/** What a client of its own overrides. */
export type KafkaOverrides = Partial<ResolvedOptions['kafka']>

/**
 * A kafkajs client with sockets and logging of ours. Each consumer has one of its own: kafkajs keeps the positions of a
 * group in its client, where two consumers of one group would overwrite each other's.
 */
export function createKafka(
  options: ResolvedOptions,
  clientId: string,
  logger: Logger,
  sockets: SocketRegistry,
  overrides: KafkaOverrides = {},
): Kafka {
  quietKafkaTimers()
  const { kafka } = options
  return new Kafka({
    clientId,
    ...kafka,
    ...overrides,
    // kafkajs writes into the object with the credentials.
    ...(kafka.sasl === undefined ? {} : { sasl: { ...kafka.sasl } }),
    socketFactory: sockets.watch(kafka.socketFactory ?? framingSocketFactory()),
    logLevel: logLevel.INFO,
    logCreator: kafkaLogCreator(logger),
  })
}
