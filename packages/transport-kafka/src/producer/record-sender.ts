import type { OutboundRecord, RecordPosition } from '@busbar/core'

/** The sending side of the Kafka transport. Another client takes its place by implementing this. */
export interface RecordSender {
  /**
   * Stores records and resolves with their positions, in the order given, once all in-sync replicas have them. Records
   * of one partition keep the order of the calls. A position's offset is -1 where the broker knew the record already
   * but no longer its offset.
   *
   * @throws BusbarError `PUBLISH_PARTIAL` when records failed for different reasons or only some of them, otherwise the
   * one reason: `RECORD_TOO_LARGE`, `TOPIC_MISSING`, `TOPIC_DENIED`, `TOPIC_INVALID`, `TOPIC_MISMATCH`,
   * `PUBLISH_FAILED` (not stored), `PUBLISH_OUTCOME_UNKNOWN`, `PUBLISH_QUEUE_FULL`, `CONFIG_INVALID`, `BUS_CLOSED`.
   */
  send(records: readonly OutboundRecord[]): Promise<readonly RecordPosition[]>
  /** Resolves once everything accepted before is settled, one way or the other. */
  flush(): Promise<void>
  /** Accepts nothing more, settles what was accepted within a few seconds, closes the connections. */
  close(): Promise<void>
}
