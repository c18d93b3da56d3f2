import { BusbarError } from '@busbar/core'
import type { ConsumerConfig, KafkaConfig } from 'kafkajs'
import type { ProducerOptions } from './producer/producer-options.js'

/** How records are sent: batches, limits, retries, compression. */
export type PublishOptions = Omit<ProducerOptions, 'cluster' | 'runtime' | 'logger'>

/** Options of {@link kafkaTransport}. */
export interface KafkaTransportOptions {
  /** Addresses of some brokers, `host:port`: enough to find the others. */
  readonly brokers: readonly string[]
  /** TLS: `true`, or Node's TLS options such as `ca`. Default: plain text. */
  readonly ssl?: KafkaConfig['ssl']
  /** Mechanism and credentials, as kafkajs takes them. Default: none. */
  readonly sasl?: KafkaConfig['sasl']
  /** Every other option of kafkajs's client: time-outs, retries, a socket factory. */
  readonly kafka?: Omit<Partial<KafkaConfig>, 'brokers' | 'ssl' | 'sasl' | 'logLevel' | 'logCreator'>
  /** Options of kafkajs's consumers; `maxWaitTimeInMs` and `heartbeatInterval` default to 250. */
  readonly consumer?: Omit<
    Partial<ConsumerConfig>,
    'groupId' | 'partitionAssigners' | 'readUncommitted' | 'allowAutoTopicCreation'
  >
  readonly producer?: PublishOptions
  /** What topics get that are created without saying. */
  readonly topics?: {
    /** Default 3. */
    readonly partitions?: number
    /** Copies of each partition. Default: the broker's. */
    readonly replication?: number
  }
  /** Milliseconds between commits while there is steadily something to commit. Default 500. */
  readonly commitIntervalMs?: number
  /**
   * Transactional subscriptions: milliseconds after which a commit is given up, and the broker aborts a transaction that
   * was not ended. Readers wait for an open transaction for so long, at most. Default 10,000.
   */
  readonly transactionTimeoutMs?: number
  /** How a consumer that died is restarted. */
  readonly restarts?: {
    /** So often in a row, without progress between. Default 5; 0: never. */
    readonly limit?: number
    /** Milliseconds before the first; doubled for each further one. Default 500. */
    readonly delayMs?: number
    /** Milliseconds at most. Default 10,000. */
    readonly maxDelayMs?: number
  }
  /** Milliseconds after which leaving a group no longer waits for the broker. Default 1,000. */
  readonly closeTimeoutMs?: number
}

/** What a group's consumer goes by, with all defaults. */
export interface ConsumerOptions {
  readonly config: Omit<ConsumerConfig, 'groupId' | 'partitionAssigners'>
  readonly commitIntervalMs: number
  readonly closeTimeoutMs: number
  readonly restarts: { readonly limit: number; readonly delayMs: number; readonly maxDelayMs: number }
}

export interface ResolvedOptions {
  readonly kafka: Partial<KafkaConfig> & { readonly brokers: string[] }
  readonly consumer: ConsumerOptions
  readonly producer: PublishOptions
  readonly transactionTimeoutMs: number
  readonly topics: { readonly partitions: number; readonly replication: number | undefined }
}

/**
 * kafkajs's defaults make each join, rebalance and leave take up to five seconds: it notices them between two requests
 * (`maxWaitTimeInMs`) and at heartbeats. A broker answers earlier than that whenever there are records.
 */
const consumerDefaults = {
  maxWaitTimeInMs: 250,
  heartbeatInterval: 250,
  sessionTimeout: 30_000,
  maxBytesPerPartition: 1_048_576,
} as const

/** Checks the options and fills in defaults. @throws BusbarError `CONFIG_INVALID` that names the option. */
export function resolveOptions(options: KafkaTransportOptions): ResolvedOptions {
  if (typeof options !== 'object' || options === null)
    throw invalid('options', 'must be an object with `brokers`')
  const { ssl, sasl, kafka = {}, consumer = {}, topics = {}, restarts = {} } = options
  const brokers: readonly unknown[] = options.brokers
  if (!Array.isArray(brokers) || brokers.length === 0)
    throw invalid('brokers', 'must list at least one `host:port`')
  for (const broker of brokers) {
    if (typeof broker !== 'string' || !/^.+:\d{1,5}$/.test(broker))
      throw invalid('brokers', `has ${JSON.stringify(broker)}, which is no \`host:port\``)
  }
  if (sasl !== undefined && typeof (sasl as { mechanism?: unknown }).mechanism !== 'string') {
    throw invalid('sasl.mechanism', 'must be a string, for example `plain` or `scram-sha-512`')
  }
  const config = { ...consumerDefaults, ...consumer, allowAutoTopicCreation: false }
  for (const name of [
    'maxWaitTimeInMs',
    'heartbeatInterval',
    'sessionTimeout',
    'maxBytesPerPartition',
  ] as const) {
    atLeast(1, config[name], `consumer.${name}`)
  }
  if (config.heartbeatInterval >= config.sessionTimeout) {
    throw invalid(
      'consumer.heartbeatInterval',
      `must be less than consumer.sessionTimeout (${config.sessionTimeout})`,
    )
  }
  return {
    kafka: {
      ...kafka,
      brokers: [...options.brokers],
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl }),
    },
    consumer: {
      config,
      commitIntervalMs: atLeast(1, options.commitIntervalMs ?? 500, 'commitIntervalMs'),
      closeTimeoutMs: atLeast(1, options.closeTimeoutMs ?? 1_000, 'closeTimeoutMs'),
      restarts: {
        limit: atLeast(0, restarts.limit ?? 5, 'restarts.limit'),
        delayMs: atLeast(0, restarts.delayMs ?? 500, 'restarts.delayMs'),
        maxDelayMs: atLeast(0, restarts.maxDelayMs ?? 10_000, 'restarts.maxDelayMs'),
      },
    },
    producer: options.producer ?? {},
    transactionTimeoutMs: whole(options.transactionTimeoutMs ?? 10_000, 'transactionTimeoutMs'),
    topics: {
      partitions: whole(topics.partitions ?? 3, 'topics.partitions'),
      replication:
        topics.replication === undefined ? undefined : whole(topics.replication, 'topics.replication'),
    },
  }
}

function atLeast(minimum: number, value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= minimum) return value
  throw invalid(name, `must be a number of at least ${minimum}, not ${String(value)}`)
}

function whole(value: unknown, name: string): number {
  if (Number.isInteger(value) && (value as number) >= 1) return value as number
  throw invalid(name, `must be a whole number of at least 1, not ${String(value)}`)
}

function invalid(name: string, why: string): BusbarError {
  return new BusbarError('CONFIG_INVALID', `Kafka transport: \`${name}\` ${why}`)
}
