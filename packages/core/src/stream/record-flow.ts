import type { InboundRecord, OutboundRecord } from '../transport.js'
import type { RecordStore } from './record-store.js'

/** What flows between the operators of a topology. */
export interface KeyedRecord<V> {
  readonly key: Uint8Array | null
  readonly value: V
  /** What the value was decoded from; absent where an operator has made another value. */
  readonly raw?: Uint8Array
  /** Event time. */
  readonly timestampMs: number
}

/** Why a record takes no further part: Kafka Streams counts these as dropped records. */
export type DropReason =
  /** Its window had closed. */
  | 'late'
  /** It has no key, and the operator needs one. */
  | 'no-key'
  /** Its event time is no moment from the epoch on. */
  | 'no-time'
  /** It is for a table, failed and was replayed, and meanwhile its key has a newer value. */
  | 'superseded'

/** A record that an operator dropped. */
export interface DroppedRecord {
  readonly reason: DropReason
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
}

/**
 * What the processing of one record can reach. All that it changes and sends comes true with the acknowledgement of that
 * record, or not at all.
 */
export interface RecordScope {
  /** The record that came. */
  readonly origin: InboundRecord
  /** Whether it failed for good before, and comes now from the dead letters: later than its place in the log. */
  readonly cameBack: boolean
  /** Says what the record was decoded to. */
  decoded(payload: unknown): void
  store(name: string): RecordStore
  /** Sends a record with the acknowledgement. */
  send(record: OutboundRecord): void
  /** Does something once it is committed. */
  afterCommit(notify: () => void): void
  drop(reason: DropReason, timestampMs: number): void
}

export type Sink<R> = (record: R, scope: RecordScope) => void | Promise<void>

/** From one operator to those behind it, which get each record in the order in which they were attached. */
export class Flow<R> {
  readonly #sinks: Sink<R>[] = []

  attach(sink: Sink<R>): void {
    this.#sinks.push(sink)
  }

  async push(record: R, scope: RecordScope): Promise<void> {
    for (const sink of this.#sinks) await sink(record, scope)
  }
}
