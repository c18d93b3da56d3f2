import { BusbarError, type Logger, type Runtime } from '@busbar/core'
import type { CompressionName } from '../compression.js'
import type { Cluster } from '../kafkajs-internals.js'

/** What a producer is made of. */
export interface ProducerOptions {
  /** Where connections come from; it need not be connected, and is not closed by the producer. */
  readonly cluster: Cluster
  readonly runtime: Runtime
  readonly logger: Logger
  /**
   * Whether the broker recognizes a batch that is sent again, so that a retry neither doubles nor reorders.
   * Default: true.
   */
  readonly idempotent?: boolean
  /** Default: `none`. */
  readonly compression?: CompressionName
  /**
   * How long records may wait for others before they are sent, in milliseconds; a full batch and `flush` end it. What
   * comes in while a request is out is gathered anyway. Default: 0.
   */
  readonly lingerMs?: number
  /** The largest batch of one partition, in bytes before compression; the topic's limit holds besides. Default: 1 MiB. */
  readonly maxBatchBytes?: number
  /** How many bytes of keys, values and headers may be accepted and unsettled; then publishers wait. Default: 64 MiB. */
  readonly maxBufferedBytes?: number
  /** How many records may be accepted and unsettled; then publishers wait. Default: 100,000. */
  readonly maxBufferedRecords?: number
  /** When a publisher stops waiting, in milliseconds after `send`. Default: 30,000. */
  readonly publishTimeoutMs?: number
  /**
   * How long one request may take before its connection is given up and its batches are sent again, in milliseconds.
   * The broker waits as long for its replicas. Default: 10,000, or `publishTimeoutMs` if that is less.
   */
  readonly requestTimeoutMs?: number
  /** Between tries, in milliseconds; doubles from `minMs` up to `maxMs`, give or take a fifth. Default: 20 to 1,000. */
  readonly retryBackoff?: { readonly minMs: number; readonly maxMs: number }
  /** The largest batch that topics take (`max.message.bytes`), in bytes. Default: what the broker says of each topic. */
  readonly maxMessageBytes?: number
  /** How long a topic may be missing before that is an error, in milliseconds: a new one takes a while. Default: 2,000. */
  readonly missingTopicGraceMs?: number
}

/** The same, with the defaults filled in. */
export interface ProducerSettings {
  readonly runtime: Runtime
  readonly logger: Logger
  /** Milliseconds on a clock that never goes back. */
  readonly clock: () => number
  readonly idempotent: boolean
  readonly lingerMs: number
  readonly maxBatchBytes: number
  readonly maxBufferedBytes: number
  readonly maxBufferedRecords: number
  readonly publishTimeoutMs: number
  readonly requestTimeoutMs: number
  /** For connecting, and for everything but records. */
  readonly controlTimeoutMs: number
  readonly retryBackoff: { readonly minMs: number; readonly maxMs: number }
  readonly maxMessageBytes: number | undefined
  readonly missingTopicGraceMs: number
}

const longestControlMs = 5_000

/** @throws BusbarError `CONFIG_INVALID` for a number that makes no sense. */
export function settingsOf(options: ProducerOptions): ProducerSettings {
  const publishTimeoutMs = atLeast('publishTimeoutMs', 1, options.publishTimeoutMs ?? 30_000)
  const requestTimeoutMs = atLeast(
    'requestTimeoutMs',
    1,
    options.requestTimeoutMs ?? Math.min(10_000, publishTimeoutMs),
  )
  return {
    runtime: options.runtime,
    logger: options.logger,
    clock: () => performance.now(),
    idempotent: options.idempotent ?? true,
    lingerMs: atLeast('lingerMs', 0, options.lingerMs ?? 0),
    maxBatchBytes: atLeast('maxBatchBytes', 1, options.maxBatchBytes ?? 1024 * 1024),
    maxBufferedBytes: atLeast('maxBufferedBytes', 1, options.maxBufferedBytes ?? 64 * 1024 * 1024),
    maxBufferedRecords: atLeast('maxBufferedRecords', 1, options.maxBufferedRecords ?? 100_000),
    publishTimeoutMs,
    requestTimeoutMs,
    controlTimeoutMs: Math.min(longestControlMs, requestTimeoutMs),
    retryBackoff: {
      minMs: atLeast('retryBackoff.minMs', 1, options.retryBackoff?.minMs ?? 20),
      maxMs: atLeast(
        'retryBackoff.maxMs',
        options.retryBackoff?.minMs ?? 1,
        options.retryBackoff?.maxMs ?? 1_000,
      ),
    },
    maxMessageBytes:
      options.maxMessageBytes === undefined
        ? undefined
        : atLeast('maxMessageBytes', 1, options.maxMessageBytes),
    missingTopicGraceMs: atLeast('missingTopicGraceMs', 0, options.missingTopicGraceMs ?? 2_000),
  }
}

/** How long to wait before the next try, after so many that failed in a row. */
export function backoffMs({ runtime, retryBackoff }: ProducerSettings, failures: number): number {
  const delay = Math.min(retryBackoff.maxMs, retryBackoff.minMs * 2 ** Math.min(failures - 1, 20))
  return delay * (0.8 + 0.4 * runtime.random())
}

function atLeast(name: string, least: number, value: number): number {
  if (Number.isFinite(value) && value >= least) return value
  throw new BusbarError('CONFIG_INVALID', `${name} must be a number of at least ${least}; it is ${value}`)
}
