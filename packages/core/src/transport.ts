import type { BusbarError } from './error.js'
import type { Logger } from './logger.js'
import type { Runtime } from './runtime.js'

/**
 * The contract between the bus and whatever moves its records. One instance serves one bus.
 *
 * Lifecycle is enforced by core, so that a transport stays simple: `connect` is called first and resolves before
 * anything else is called; after a failed `connect` it may be called again; nothing is called after disposal.
 * Every method rejects with a `BusbarError`.
 */
export interface Transport extends AsyncDisposable {
  /** What errors and logs call it, for example `kafka`. */
  readonly name: string
  readonly capabilities: TransportCapabilities

  /** Reaches the broker, or says within a second or two why it cannot. */
  connect(options: ConnectOptions): Promise<void>

  /**
   * Stores records, of one topic or many, and resolves once all are stored as safely as the transport can. Records of
   * one partition are stored in the order given, also across calls. Where some were refused it rejects with
   * `PUBLISH_PARTIAL` and says in `failures` which; where all failed alike, with that one error.
   */
  send(records: readonly OutboundRecord[]): Promise<readonly RecordPosition[]>

  /** Joins a consumer group and resolves once this member can receive: its partitions, if it got any, are known. */
  subscribe(spec: SubscribeSpec, deliver: Deliver): Promise<TransportSubscription>

  /**
   * Makes sure that topics are there as described: creates those that are missing where `create` is set, and compares
   * the partitions, replication and configuration that were given with those of existing ones.
   * Rejects with `TOPIC_MISSING`, `TOPIC_MISMATCH`, `TOPIC_DENIED` or `TOPIC_INVALID`.
   */
  ensureTopics(topics: readonly TopicSpec[]): Promise<void>

  /** The number of partitions of an existing topic. */
  partitions(topic: string): Promise<number>

  /** Where a group stands: one entry for each partition of each topic that it has committed a position for. */
  positions(group: string): Promise<readonly PartitionPosition[]>

  /**
   * Reads partitions without a group: no membership, no commits, no rebalance. Resolves once the starting positions are
   * fixed, so that whatever is sent afterwards is seen. Rejects with `POSITION_OUT_OF_RANGE` where a numeric `from` is
   * outside of the log. Needs the capability `read`.
   */
  read(spec: ReadSpec, receive: Receive): Promise<TransportReader>

  /** Sends what was accepted, leaves every group, and releases connections. May come without a successful `connect`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** What a transport can do. Each flag states what the bus or the conformance cases do without it. */
export interface TransportCapabilities {
  /** `read` works. Without it request/reply, broadcast (`group: false`) and dead-letter listing are refused at once. */
  readonly read: boolean
  /** Records outlive the process that sent them. Without it the conformance cases of restarts are skipped. */
  readonly durable: boolean
  /** The partition of a keyed record is Kafka's murmur2 choice. Without it co-partitioned joins are refused. */
  readonly kafkaPartitioning: boolean
  /** `SubscribeSpec.transactional` works. Without it exactly-once pipes and stateful streams are refused. Default: false. */
  readonly transactions?: boolean
}

export interface ConnectOptions {
  /** Names this client to the broker: the bus's name. */
  readonly clientId: string
  readonly logger: Logger
  readonly runtime: Runtime
  /** Ends the attempt to connect. */
  readonly signal?: AbortSignal
  /** Receives what happens without a caller: see {@link TransportEvent}. Never throws. */
  readonly onEvent: (event: TransportEvent) => void
}

/** A value of a header: bytes, or text that is written as UTF-8. A name may occur more than once. */
export type OutboundHeaders = Readonly<Record<string, string | Uint8Array | readonly (string | Uint8Array)[]>>

/** A header as it came: bytes, or several of them where its name occurs more than once. */
export type InboundHeaders = Readonly<Record<string, Uint8Array | readonly Uint8Array[]>>

export interface OutboundRecord {
  readonly topic: string
  /** Chosen by key (murmur2) or, without a key, by the transport, if absent. */
  readonly partition?: number
  /** Records of one key and topic keep their order. */
  readonly key: Uint8Array | null
  /** `null` is a tombstone: on a compacted topic it deletes its key. */
  readonly value: Uint8Array | null
  readonly headers: OutboundHeaders
  /** Milliseconds since the epoch. */
  readonly timestampMs: number
}

export interface InboundRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: InboundHeaders
  /** Milliseconds since the epoch. */
  readonly timestampMs: number
}

/** Where a record was stored. */
export interface RecordPosition {
  readonly topic: string
  readonly partition: number
  /** A 53-bit integer: at a million records a second it lasts 285 years. */
  readonly offset: number
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** Where a group stands in one partition. */
export interface PartitionPosition extends TopicPartition {
  /** The next position that the group will read after a restart. */
  readonly committed: number
  /** One past the last stored record. */
  readonly end: number
  /** Records between the two. */
  readonly lag: number
}

export interface TopicSpec {
  readonly name: string
  /** Whether a missing topic is created. If not, it is an error. */
  readonly create: boolean
  /** Default: the transport's. An existing topic with another number is a mismatch. */
  readonly partitions?: number
  /** Copies of each partition. Default: the broker's. */
  readonly replication?: number
  /** Settings by their Kafka names, for example `{ 'cleanup.policy': 'compact' }`. */
  readonly config?: Readonly<Record<string, string>>
}

export interface SubscribeSpec {
  readonly group: string
  readonly topics: readonly string[]
  /**
   * Where a group that has no committed position starts; the start is committed at once, so that records sent while
   * nobody runs are not missed. A group that has one continues there.
   */
  readonly from: 'earliest' | 'latest'
  /** Records of one partition that may be delivered and unfinished; at the limit that partition alone pauses. */
  readonly maxInFlight: number
  /**
   * Positions are committed together with the records that acknowledgements carry: both or neither, also when this process
   * dies in between. Partitions of equal numbers of the topics are committed as one. Needs the capability `transactions`.
   *
   * A member that lost a partition and does not know it yet is fenced: its commits fail. So before a partition is delivered,
   * whatever its former holder left unfinished is aborted, and only then its committed position is read (KIP-447 explains
   * why the order matters). Commits happen some time after the prefix moved, when a partition moves away, and on closing.
   *
   * When a commit fails, or its outcome can't be known, the ownership of all partitions of that number ends
   * (`DeliveryBatch.signal` aborts). It begins anew at the committed position, if this member still holds them, after a delay
   * that grows with each failure in a row; `transaction-failed` tells of each. A failure that some records of the
   * effects are the reason of, and that will be the same next time, since their topic is missing or they are too large,
   * is told to whoever gets the acknowledged records again: {@link Delivery.refused}. No reader sees a record before it is committed.
   */
  readonly transactional?: boolean
}

/**
 * Takes a batch of one partition. Resolves when more of that partition is welcome: back-pressure, not completion. A
 * transport delivers nothing more of the partition until then. Never rejects.
 */
export type Deliver = (batch: DeliveryBatch) => Promise<void>

export interface DeliveryBatch extends TopicPartition {
  /** In the order of the log, at least one. */
  readonly deliveries: readonly Delivery[]
  /** Aborts when the partition moves away or the subscription ends: from then on no settlement counts. */
  readonly signal: AbortSignal
}

/** One record on its way to its handlers, and the only way to say what became of it. */
export interface Delivery {
  readonly record: InboundRecord
  /** 1 on the first delivery to this member; one more each time it comes again after a `nack` that was tried. */
  readonly attempt: number
  /**
   * Transactional subscriptions: why what this record's acknowledgement brought with it can't be stored. Who acknowledges it
   * with the same again gets it again. Absent where nothing was refused, or the transport can't tell which record it was.
   */
  readonly refused?: RefusedEffects
  /**
   * Settles the delivery. The first call wins and returns true; later ones, or after the signal aborted, return false.
   * @throws BusbarError `CONFIG_INVALID` for effects in a subscription that is not transactional.
   */
  settle(outcome: Outcome): boolean
}

/**
 * - `ack`: finished; the position may pass it.
 * - `nack`: handed back; it comes again to this member after `delayMs` (default 0), and what its key has behind it waits
 *   for it: whoever hands a record back hands back, in the same turn, what it holds of that key. Records of other keys
 *   that were acknowledged past it do not come again while this member holds the partition. One that is `untried` was
 *   handed back without having been handled, and its attempt does not count.
 */
export type Outcome =
  | { readonly kind: 'ack'; readonly effects?: Effects }
  | { readonly kind: 'nack'; readonly delayMs?: number; readonly cause?: unknown; readonly untried?: boolean }

/** Effects that a transport refused for good. */
export interface RefusedEffects {
  readonly error: BusbarError
  /** How often the effects of this record have been refused so far. */
  readonly times: number
}

/** What an acknowledgement in a transactional subscription brings with it. */
export interface Effects {
  /**
   * Stored in the transaction that commits the position past the acknowledged record, in order: also behind those of records
   * that were acknowledged before it, in whichever of the partitions that are committed as one. Kept as they are until then: their
   * bytes must not be changed any more.
   */
  readonly records: readonly OutboundRecord[]
  /**
   * Called once that transaction is committed, with where the records stand; never when it is not. It may come after the
   * ownership's signal aborted, if the transaction was under way then. It may also never come although it was committed,
   * if the answer was lost: then the ownership ends, and begins anew behind the acknowledged record. Must not throw.
   */
  readonly onCommitted?: (positions: readonly RecordPosition[]) => void
}

export interface TransportSubscription extends AsyncDisposable {
  /** Resolves after disposal; rejects with the reason when the consumer is lost for good. */
  readonly closed: Promise<void>
  /** Replaces the topics: rejoins with the new set, resolves when joined. Positions are kept. */
  setTopics(topics: readonly string[]): Promise<void>
  /** Delivers nothing more, not even what was handed back; membership stays. */
  pause(): void
  /** Delivers again. */
  resume(): void
  /** Continues at another position of a partition that this member holds; unfinished deliveries of it are revoked. */
  seek(target: TopicPartition, to: 'earliest' | 'latest' | number): Promise<void>
  /** Revokes what is unfinished, commits the finished prefix, and leaves the group. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface ReadSpec {
  readonly topic: string
  /** Default: all, also those added later. */
  readonly partitions?: readonly number[]
  readonly from: 'earliest' | 'latest' | number
  /** `end`: stop at what is stored now, then `closed` resolves. Default: go on until disposed. */
  readonly until?: 'end'
}

/** Takes records of one partition in order. Reading that partition goes on once it resolves. Never rejects. */
export type Receive = (records: readonly InboundRecord[]) => void | Promise<void>

export interface TransportReader extends AsyncDisposable {
  /**
   * Resolves when the end was reached or after disposal; rejects with the reason when reading is lost for good, also
   * with `POSITION_OUT_OF_RANGE` when the log was trimmed past a reader that fell behind.
   */
  readonly closed: Promise<void>
}

/** What happens without a caller to tell. The bus logs each and hands it to its listeners. */
export type TransportEvent =
  /** Partitions that this member gained; those that stayed with it are not named. */
  | { readonly type: 'assigned'; readonly group: string; readonly partitions: readonly TopicPartition[] }
  /** Partitions that this member lost, also by leaving the group. */
  | { readonly type: 'revoked'; readonly group: string; readonly partitions: readonly TopicPartition[] }
  /** A committed position is outside of the log: records between it and `resetTo` are gone, or were never there. */
  | {
      readonly type: 'position-out-of-range'
      readonly group: string
      readonly topic: string
      readonly partition: number
      readonly position: number
      readonly resetTo: number
      readonly error: BusbarError
    }
  /** A transaction was not committed, or nobody knows whether it was: its partitions begin anew at the committed position. */
  | {
      readonly type: 'transaction-failed'
      readonly group: string
      /** All that this member holds of one number. */
      readonly partitions: readonly TopicPartition[]
      /** The how-manieth in a row. */
      readonly failure: number
      /** When they begin anew, in milliseconds from now; at once where another member has them by now. */
      readonly delayMs: number
      readonly error: BusbarError
    }
  /** A consumer died and is being restarted: the how-manieth time in a row. */
  | {
      readonly type: 'consumer-restarting'
      readonly group: string
      readonly restart: number
      readonly error: BusbarError
    }
  /** It is a member again, and receives. */
  | { readonly type: 'consumer-restarted'; readonly group: string; readonly restart: number }
  /** A consumer died for good: restarts are used up, or the error is final. Its group receives nothing more here. */
  | { readonly type: 'consumer-failed'; readonly group: string; readonly error: BusbarError }
