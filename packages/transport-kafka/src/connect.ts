import { BusbarError, type Logger, type Runtime, type Timer } from '@busbar/core'
import { captureCluster } from './cluster.js'
import { createKafka } from './kafka-client.js'
import { hasKafkaErrorType, kafkaError } from './kafka-error.js'
import type { Cluster, GroupBroker } from './kafkajs-internals.js'
import type { ResolvedOptions } from './options.js'
import { SocketRegistry } from './socket-registry.js'

export interface ReachOptions {
  readonly options: ResolvedOptions
  readonly clientId: string
  readonly logger: Logger
  readonly runtime: Runtime
  readonly signal?: AbortSignal | undefined
}

/** Whoever has not answered by then counts as unreachable, in milliseconds. */
const reachMs = 1_700

/** Which reason to give where several brokers fail for different ones: what says most about the configuration. */
const telling = ['AUTHENTICATION_FAILED', 'TLS_FAILED', 'CONFIG_INVALID', 'CONNECTION_FAILED']

/**
 * Reaches one of the brokers, with TLS and authentication, without a second try; resolves as soon as one has answered.
 * kafkajs by itself goes on for ten seconds and more before it says that a certificate is not trusted.
 *
 * @throws BusbarError with the real reason, within two seconds.
 */
export async function reachBrokers(reach: ReachOptions): Promise<void> {
  const { options, runtime, signal } = reach
  if (signal?.aborted) throw abortedError(signal)
  const sockets = new SocketRegistry()
  let timer: Timer | undefined
  let onAbort: (() => void) | undefined
  const late = new Promise<never>((_, reject) => {
    const { brokers } = options.kafka
    const message = `Connecting to Kafka at ${brokers.join(', ')}: no answer within ${reachMs} ms`
    timer = runtime.setTimer(reachMs, () => reject(new BusbarError('CONNECTION_FAILED', message)))
    onAbort = () => reject(abortedError(signal))
    signal?.addEventListener('abort', onAbort, { once: true })
  })
  try {
    const answers = options.kafka.brokers.map(broker => reachOne(broker, reach, sockets))
    await Promise.race([Promise.any(answers), late])
  } catch (error) {
    throw error instanceof AggregateError ? mostTelling(error.errors as BusbarError[]) : error
  } finally {
    timer?.cancel()
    if (onAbort) signal?.removeEventListener('abort', onAbort)
    sockets.close(new Error('the first connection was closed'))
  }
}

async function reachOne(broker: string, reach: ReachOptions, sockets: SocketRegistry): Promise<void> {
  const { options, clientId, logger } = reach
  const kafka = createKafka(options, clientId, logger, sockets, {
    brokers: [broker],
    retry: { retries: 0 },
    connectionTimeout: Math.min(options.kafka.connectionTimeout ?? reachMs, reachMs),
    requestTimeout: reachMs,
  })
  const cluster = captureCluster(kafka)
  const doing = `Connecting to Kafka at ${broker}`
  try {
    await cluster.connect()
  } catch (error) {
    throw connectionError(error, doing, options)
  }
  try {
    await ask(cluster)
  } catch (error) {
    if (hasKafkaErrorType(error, 'KafkaJSConnectionClosedError') && options.kafka.sasl === undefined) {
      const message = `${doing}: the broker closed the connection at the first request. Its listener wants authentication: set \`sasl\``
      throw new BusbarError('AUTHENTICATION_FAILED', message, { cause: error })
    }
    throw kafkaError(error, { doing, fallback: 'CONNECTION_FAILED' })
  } finally {
    void cluster.disconnect().catch(() => {})
  }
}

/** A request that needs authentication; any answer will do. */
async function ask(cluster: Cluster): Promise<void> {
  const broker = (await cluster.brokerPool.findConnectedBroker()) as GroupBroker
  try {
    await broker.metadata(['busbar-is-anyone-there'])
  } catch (error) {
    if (!hasKafkaErrorType(error, 'UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED')) throw error
  }
}

function connectionError(error: unknown, doing: string, { kafka }: ResolvedOptions): BusbarError {
  const closed = hasKafkaErrorType(error, 'KafkaJSConnectionClosedError', 'ECONNRESET')
  // In plain text, a TLS port takes the first request for a broken handshake and hangs up.
  if (closed && !kafka.ssl) {
    const message = `${doing}: the broker closed the connection at the first byte. Its port expects TLS: set \`ssl\``
    return new BusbarError('TLS_FAILED', message, { cause: error })
  }
  // And a plain-text port takes a TLS handshake for a request of absurd size.
  if (closed && kafka.ssl) {
    const message = `${doing}: the broker closed the connection during the TLS handshake. Its port does not speak TLS, or wants a client certificate: check \`ssl\` and the port`
    return new BusbarError('TLS_FAILED', message, { cause: error })
  }
  return kafkaError(error, { doing, fallback: 'CONNECTION_FAILED' })
}

function mostTelling(errors: readonly BusbarError[]): BusbarError {
  const rank = ({ code }: BusbarError) => (telling.indexOf(code) + telling.length + 1) % (telling.length + 1)
  const [first, ...others] = [...errors].sort((a, b) => rank(a) - rank(b))
  if (!first) return new BusbarError('CONFIG_INVALID', 'Kafka transport: `brokers` is empty')
  if (others.length === 0) return first
  const message = [first, ...others].map(error => error.message).join('; ')
  return new BusbarError(first.code, message, { cause: first })
}

function abortedError(signal: AbortSignal | undefined): BusbarError {
  return new BusbarError('ABORTED', 'Connecting to Kafka was aborted', { cause: signal?.reason })
}
