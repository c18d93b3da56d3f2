import type { RedeliveryOptions } from './consume.js'
import { BusbarError } from './error.js'
import { type AnyEvent, requireName } from './event.js'
import type { GroupSettings } from './group-consumer.js'
import { consoleLogger, type Logger } from './logger.js'
import type { MiddlewareLike } from './middleware.js'
import type { AnyRequest } from './request.js'
import { type Runtime, systemRuntime } from './runtime.js'
import type { SchemaRegistry } from './schema-registry.js'
import { memoryState } from './state/memory-state.js'
import type { StateProvider } from './state/state-store.js'
import type { DroppedRecord } from './stream/record-flow.js'
import { topicOf } from './topic.js'
import type { Transport } from './transport.js'
import { positive } from './validate.js'

export interface BusOptions {
  /** The service: the default consumer group, and the `ce_source` of what it publishes. */
  readonly name: string
  /** What moves the records; one instance serves one bus. */
  readonly transport: Transport
  /** Default: warnings and errors to the console. A pino logger fits as it is; winston's by `messageFirst`. */
  readonly logger?: Logger
  /** Time, timers, randomness and ids. Default: the real ones. */
  readonly runtime?: Runtime
  /**
   * The schema registry of codecs that know one, as `avro()` does: their records are then written in the Confluent wire
   * format. May be shared by many buses. Default: none.
   */
  readonly registry?: SchemaRegistry
  /**
   * Contracts that this bus publishes or requests. The start makes sure of their topics and schemas and fails where
   * the first publish would have to; others are made sure of at their first publish. Default: none.
   */
  readonly publishes?: readonly (AnyEvent | AnyRequest)[]
  /**
   * Where streams keep their state: `levelState({ folder })` of @busbar/state-level on disk. Their changelog topics have it as
   * well. Default: memory, read from the changelog at each start.
   */
  readonly state?: StateProvider
  readonly topics?: {
    /** Whether missing topics are created. If not, they are an error. Default: true. */
    readonly create?: boolean
  }
  readonly consume?: {
    /** Deliveries of a group that run at a time on this instance. Default: 100. */
    readonly concurrency?: number
    /** Records of one partition that may be delivered and unfinished. Default: 1,000. */
    readonly maxInFlight?: number
    /** How long a failed record waits before it comes again. */
    readonly redelivery?: RedeliveryOptions
  }
  readonly health?: {
    /**
     * A partition held here whose records wait while none of them is finished turns health red after this time, in
     * milliseconds. Longer than the slowest handler, and than a stream's state takes to be restored. Default: 60,000.
     */
    readonly stalledAfterMs?: number
  }
  readonly requests?: {
    /** How long a request waits for its reply, in milliseconds. Default: 5,000. */
    readonly timeoutMs?: number
    /** Requests that may wait for replies; further ones wait for their turn. Default: 10,000. */
    readonly maxPending?: number
    /** The topic of replies, shared by all buses. Default: `busbar.replies`. */
    readonly replyTopic?: string
  }
}

/** {@link BusOptions} with every default filled in. */
export interface BusSettings {
  readonly name: string
  readonly transport: Transport
  readonly logger: Logger
  readonly runtime: Runtime
  readonly registry: SchemaRegistry | undefined
  readonly publishes: readonly (AnyEvent | AnyRequest)[]
  readonly state: StateProvider
  readonly createTopics: boolean
  readonly concurrency: number
  readonly maxInFlight: number
  readonly redelivery: Required<RedeliveryOptions>
  readonly stalledAfterMs: number
  readonly requestTimeoutMs: number
  readonly maxPending: number
  readonly replyTopic: string
}

const takenTransports = new WeakSet<Transport>()

/**
 * Checks options and fills in defaults.
 * @throws BusbarError `CONFIG_INVALID` naming the option.
 */
export function busSettings(options: BusOptions): BusSettings {
  requireName('createBus', options.name)
  const { transport } = options
  if (typeof transport?.send !== 'function') {
    throw new BusbarError(
      'CONFIG_INVALID',
      'createBus: option "transport" must be a transport, for example memoryTransport()',
    )
  }
  if (takenTransports.has(transport)) {
    throw new BusbarError(
      'CONFIG_INVALID',
      `createBus: the ${transport.name} transport serves another bus already: give each bus one of its own`,
    )
  }
  const settings: BusSettings = {
    name: options.name,
    transport,
    logger: loggerOf(options),
    runtime: options.runtime ?? systemRuntime,
    registry: registryOf(options),
    publishes: publishesOf(options),
    state: stateOf(options),
    createTopics: options.topics?.create ?? true,
    concurrency: positive('consume.concurrency', options.consume?.concurrency ?? 100),
    maxInFlight: positive('consume.maxInFlight', options.consume?.maxInFlight ?? 1_000),
    redelivery: {
      delayMs: positive('consume.redelivery.delayMs', options.consume?.redelivery?.delayMs ?? 100),
      maxDelayMs: positive(
        'consume.redelivery.maxDelayMs',
        options.consume?.redelivery?.maxDelayMs ?? 30_000,
      ),
    },
    stalledAfterMs: positive('health.stalledAfterMs', options.health?.stalledAfterMs ?? 60_000),
    requestTimeoutMs: positive('requests.timeoutMs', options.requests?.timeoutMs ?? 5_000),
    maxPending: positive('requests.maxPending', options.requests?.maxPending ?? 10_000),
    replyTopic: topicOf('replies', options.requests?.replyTopic ?? 'busbar.replies').name,
  }
  takenTransports.add(transport)
  return settings
}

function loggerOf({ logger = consoleLogger }: BusOptions): Logger {
  const methods = ['debug', 'info', 'warn', 'error', 'child'] as const
  const missing = methods.filter(name => typeof logger?.[name] !== 'function')
  if (missing.length === 0) return logger
  throw new BusbarError(
    'CONFIG_INVALID',
    `createBus: option "logger" has no method ${missing.join(', ')}: give it a pino logger, messageFirst(winston), or leave it out for warnings and errors on the console`,
  )
}

function registryOf({ registry }: BusOptions): SchemaRegistry | undefined {
  if (registry === undefined || typeof registry?.idOf === 'function') return registry
  throw new BusbarError(
    'CONFIG_INVALID',
    'createBus: option "registry" must be a schema registry, for example memoryRegistry() of @busbar/schema-registry',
  )
}

function stateOf({ state = memoryState() }: BusOptions): StateProvider {
  if (typeof state?.open === 'function') return state
  throw new BusbarError(
    'CONFIG_INVALID',
    'createBus: option "state" must be a state provider, for example levelState() of @busbar/state-level',
  )
}

function publishesOf({ publishes = [] }: BusOptions): readonly (AnyEvent | AnyRequest)[] {
  const given: unknown = publishes
  const isList = Array.isArray(given)
  if (isList && publishes.every(each => each?.kind === 'event' || each?.kind === 'request')) return publishes
  throw new BusbarError(
    'CONFIG_INVALID',
    'createBus: option "publishes" lists events and requests, made by defineEvent and defineRequest',
  )
}

/** Options of every kind of subscription. */
export interface SubscribeOptions extends Partial<Omit<GroupSettings, 'transactional'>> {
  /**
   * What becomes of a record whose handler fails. `dead-letter`: it is retried, then moved to `<topic>.<group>.dlq`, by
   * default `retry()` and `deadLetter()` unless `use` has its own. `hand-back`: only what `use` has; else it comes again
   * until it succeeds. Default: `dead-letter` for a subscription with a group, `hand-back` for a broadcast.
   */
  readonly onFailure?: 'dead-letter' | 'hand-back'

  /**
   * The consumer group. Instances of a group share its work; each group gets every event. `false`: a broadcast, this
   * instance gets everything published from now on and keeps no position. Default: the bus's name.
   */
  readonly group?: string | false
  /** Names the subscription within its group; stable across restarts. Required for a second handler of an event in a group. */
  readonly name?: string
  /** Middleware of this subscription, inside of the bus's own. */
  readonly use?: readonly MiddlewareLike[]
}

export interface SubscribeBatchOptions extends SubscribeOptions {
  /** Records of one call at most. Default: 100. */
  readonly maxSize?: number
  /** How long a batch that is not full waits for more, in milliseconds. Default: 50. */
  readonly maxWaitMs?: number
}

/** Options of {@link Bus.stream}. Those besides {@link SubscribeOptions} are for operators that keep a state. */
export interface StreamOptions<Out> extends SubscribeOptions {
  /** The event time of a payload, in milliseconds since the epoch. Default: the record's timestamp, when it was published. */
  readonly timestamp?: (payload: Out) => number
  /** Called for each record that an operator of the group drops, for example as it is late. May be called again for the same one. */
  readonly onDropped?: (dropped: DroppedRecord) => void
}
