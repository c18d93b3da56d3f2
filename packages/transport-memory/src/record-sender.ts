import {
  BusbarError,
  type OutboundRecord,
  partitionOfKey,
  type RecordFailure,
  type RecordPosition,
  type Runtime,
} from '@busbar/core'
import type { MemoryBroker } from './memory-broker.js'
import { contentOf } from './stored-record.js'
import type { Topic } from './topic.js'

/** The producing side of a transport: chooses partitions as Kafka's clients do, and stores. */
export class RecordSender {
  readonly #broker: MemoryBroker
  readonly #runtime: Runtime
  /** By topic: where records without a key go in the present batch. */
  readonly #sticky = new Map<string, { batch: number; turn: number }>()
  #batch = 0

  constructor(broker: MemoryBroker, runtime: Runtime) {
    this.#broker = broker
    this.#runtime = runtime
  }

  /** Stores what can be stored. Throws the one error where all failed alike, else `PUBLISH_PARTIAL`. */
  send(records: readonly OutboundRecord[]): RecordPosition[] {
    this.#batch += 1
    const nowMs = this.#runtime.now()
    const positions: RecordPosition[] = []
    const failures: RecordFailure[] = []
    for (const [index, record] of records.entries()) {
      try {
        positions.push(this.#store(record, nowMs))
      } catch (thrown) {
        failures.push({
          index,
          error: BusbarError.from(thrown, 'INTERNAL', `storing a record in '${record.topic}'`),
        })
      }
    }
    if (failures.length > 0) throw errorOf(failures, records.length)
    return positions
  }

  #store(record: OutboundRecord, nowMs: number): RecordPosition {
    const topic = this.#broker.topic(record.topic)
    const { maxRecordBytes, compact } = topic.settings
    if (compact && record.key === null) {
      const message = `topic '${topic.name}' is compacted: a record without a key is refused`
      throw new BusbarError('PUBLISH_FAILED', message, { retryable: false })
    }
    const partition = record.partition ?? this.#partitionFor(record.key, topic)
    const log = topic.log(partition)
    const content = contentOf(record, topic.arena)
    if (content.byteLength > maxRecordBytes) {
      const message = `a record of ${content.byteLength} bytes is too large for topic '${topic.name}', which takes ${maxRecordBytes} (max.message.bytes)`
      throw new BusbarError('RECORD_TOO_LARGE', message)
    }
    return { topic: topic.name, partition, offset: log.append(content, nowMs) }
  }

  /** By key; without one a batch stays in one partition and the next batch takes the next. */
  #partitionFor(key: Uint8Array | null, topic: Topic): number {
    const partitions = topic.logs.length
    if (key !== null) return partitionOfKey(key, partitions)
    const sticky = this.#sticky.get(topic.name) ?? { batch: this.#batch, turn: 0 }
    this.#sticky.set(topic.name, sticky)
    if (sticky.batch !== this.#batch) {
      sticky.batch = this.#batch
      sticky.turn += 1
    }
    return sticky.turn % partitions
  }
}

function errorOf(failures: readonly RecordFailure[], sent: number): BusbarError {
  const first = (failures[0] as RecordFailure).error
  const isAlike = failures.length === sent && failures.every(({ error }) => error.code === first.code)
  if (isAlike) return first
  const message = `${failures.length} of ${sent} records were not stored; the first: ${first.message}`
  return new BusbarError('PUBLISH_PARTIAL', message, {
    failures,
    cause: first,
    retryable: failures.some(({ error }) => error.retryable),
  })
}
