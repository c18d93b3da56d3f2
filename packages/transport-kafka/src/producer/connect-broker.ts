import { BusbarError, type Runtime, type Timer } from '@busbar/core'
import { kafkaError } from '../kafka-error.js'
import type { Broker, Cluster } from '../kafkajs-internals.js'
import { produceApiKey, produceVersions } from './produce-protocol.js'

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/**
 * A connected and authenticated broker with connections of its own, which no one else uses. Without an address: the
 * next of the bootstrap brokers.
 *
 * @throws BusbarError with the real reason, also after `timeoutMs` and for a broker that is too old.
 */
export async function connectBroker(
  cluster: Cluster,
  runtime: Runtime,
  timeoutMs: number,
  address?: BrokerAddress,
): Promise<Broker> {
  const connectionPool = await cluster.connectionPoolBuilder.build(address)
  const broker = cluster.brokerPool.createBroker({ logger: cluster.brokerPool.rootLogger, connectionPool })
  try {
    await withTimeout(broker, runtime, timeoutMs, 'connecting', broker.connect())
  } catch (error) {
    abandon(broker, 'connecting failed')
    throw kafkaError(error, {
      doing: `Connecting to Kafka at ${nameOf(broker)}`,
      fallback: 'CONNECTION_FAILED',
    })
  }
  const range = broker.versions?.[produceApiKey]
  if (range && range.maxVersion < produceVersions.min) {
    abandon(broker, 'too old')
    throw new BusbarError(
      'CONFIG_INVALID',
      `The broker at ${nameOf(broker)} is older than Kafka 2.1, the oldest supported`,
    )
  }
  return broker
}

/**
 * The result, unless it takes longer: then the broker's connections are closed and this rejects. kafkajs's own timeout
 * leaves the connection open, where the next request would wait behind the first.
 */
export async function withTimeout<T>(
  broker: Broker,
  runtime: Runtime,
  timeoutMs: number,
  doing: string,
  result: Promise<T>,
): Promise<T> {
  let timer: Timer | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = runtime.setTimer(timeoutMs, () => {
      const error = new BusbarError(
        'CONNECTION_FAILED',
        `${nameOf(broker)} gave no answer in ${timeoutMs} ms (${doing})`,
      )
      abandon(broker, error.message)
      reject(error)
    })
  })
  try {
    return await Promise.race([result, timeout])
  } finally {
    timer?.cancel()
  }
}

/** Closes a broker's connections at once; its open requests reject. The broker must not be used again. */
export function abandon(broker: Broker, why: string): void {
  for (const connection of broker.connectionPool.pool) {
    connection.rejectRequests(
      new BusbarError('CONNECTION_FAILED', `The connection to ${nameOf(broker)} was closed: ${why}`),
    )
    connection.socket?.destroy()
  }
  // Stops kafkajs's timers; there is nothing left that it could wait for.
  broker.disconnect().catch(() => {})
}

function nameOf(broker: Broker): string {
  return `${broker.connectionPool.host}:${broker.connectionPool.port}`
}
