import {
  BusbarError,
  type OutboundRecord,
  partitionOfKey,
  type RecordFailure,
  type RecordPosition,
  type Runtime,
} from '@busbar/core'
import type { MemoryBroker } from './memory-broker.js'
import type { PartitionLog } from './partition-log.js'
import { contentOf, type RecordContent } from './stored-record.js'
import type { Topic } from './topic.js'

/** Records that can be stored, all of them, and have not been. */
export interface StagedRecords {
  readonly records: readonly OutboundRecord[]
  /** Stores them, within this turn. */
  store(): readonly RecordPosition[]
}

interface Staged {
  readonly log: PartitionLog
  readonly content: RecordContent
}

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
        positions.push(store(this.#stage(record), nowMs))
      } catch (thrown) {
        failures.push({ index, error: errorOfRecord(thrown, record) })
      }
    }
    if (failures.length > 0) throw errorOf(failures, records.length)
    return positions
  }

  /**
   * Looks where records would be stored, without storing any. Throws the first error where some can't be, with all of
   * them in `failures`.
   */
  stage(records: readonly OutboundRecord[]): StagedRecords {
    this.#batch += 1
    const staged: Staged[] = []
    const failures: RecordFailure[] = []
    for (const [index, record] of records.entries()) {
      try {
        staged.push(this.#stage(record))
      } catch (thrown) {
        failures.push({ index, error: errorOfRecord(thrown, record) })
      }
    }
    if (failures[0]) {
      const { code, message, retryable } = failures[0].error
      throw new BusbarError(code, message, { failures, retryable, cause: failures[0].error })
    }
    return { records, store: () => staged.map(each => store(each, this.#runtime.now())) }
  }

  #stage(record: OutboundRecord): Staged {
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
    return { log, content }
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

function store({ log, content }: Staged, nowMs: number): RecordPosition {
  return { topic: log.topic, partition: log.partition, offset: log.append(content, nowMs) }
}

function errorOfRecord(thrown: unknown, record: OutboundRecord): BusbarError {
  return BusbarError.from(thrown, 'INTERNAL', `storing a record in '${record.topic}'`)
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
