import { BusbarError } from '../error.js'
import type { Logger } from '../logger.js'
import { groupOf, type Origin, originOf, redrivesOf, subscriptionOf } from '../return-headers.js'
import type { InboundRecord, Transport } from '../transport.js'
import { subscriptionOfGroup } from './failed-record.js'
import type { Topology } from './topology.js'

export interface ReturnedRecordsOptions {
  readonly topology: Topology
  readonly transport: Pick<Transport, 'read'>
  readonly logger: Logger
}

/** What is known of one partition of a topic by which dead letters come back. */
interface Known {
  /** Where each is first, by what tells it from others. */
  readonly first: Map<string, number>
  /** One past the last record that is known. */
  next: number
}

/** Where a record of a group was published first. Headers say so in topics by which dead letters come back, and nowhere else. */
export function originIn(topology: Topology, record: InboundRecord): Origin {
  return topology.returns.has(record.topic) ? originOf(record) : record
}

/**
 * Dead letters that come back to one partition number of a group. One that was replayed twice, by two operators or by one that died
 * before its marker, counts once: the topic by which it came back has both, and the first is the one that counts.
 */
export class ReturnedRecords {
  readonly #options: ReturnedRecordsOptions
  readonly #returns: ReadonlyMap<string, string>
  readonly #known = new Map<string, Known>()

  constructor(options: ReturnedRecordsOptions) {
    this.#options = options
    this.#returns = options.topology.returns
  }

  cameBack(record: InboundRecord): boolean {
    return this.#returns.has(record.topic)
  }

  /** Whether a record that came back is of another group, or is there a second time. Rejects as reading does. */
  async isIgnored(record: InboundRecord): Promise<boolean> {
    const { topology, logger } = this.#options
    const { topic, partition, offset } = record
    const { group } = topology
    if (groupOf(record) !== group || originOf(record).topic !== this.#returns.get(topic)) {
      logger.warn({ topic, partition, offset, group }, 'this is no dead letter of the group: it is ignored')
      return true
    }
    if (!(await this.#isSecond(record))) return false
    logger.warn({ topic, partition, offset, group }, 'this dead letter was replayed twice: it counts once')
    return true
  }

  /** The record as it was published; itself if it did not come back. */
  asPublished(record: InboundRecord): InboundRecord {
    if (!this.cameBack(record)) return record
    const { topic, partition, offset, timestampMs } = originOf(record)
    return { ...record, topic, partition, offset, timestampMs }
  }

  /** @throws BusbarError for a record that may not be processed here, which is for its dead letter again. */
  check(record: InboundRecord): void {
    if (!this.cameBack(record)) return
    const { group } = this.#options.topology
    const { partition } = originOf(record)
    const subscription = subscriptionOf(record)
    if (subscription !== subscriptionOfGroup(group))
      throw new BusbarError(
        'CONFIG_INVALID',
        `this is a dead letter of subscription ${subscription}, and group ${group} has only operators with a state`,
      )
    if (partition !== record.partition)
      throw new BusbarError(
        'TOPIC_MISMATCH',
        `it was replayed to partition ${record.partition}, and the state of its key is in partition ${partition}: give ${record.topic} at least as many partitions as ${originOf(record).topic}, and replay it again`,
      )
  }

  async #isSecond(record: InboundRecord): Promise<boolean> {
    const { topic, offset } = record
    const known = this.#known.get(topic) ?? { first: new Map<string, number>(), next: 0 }
    this.#known.set(topic, known)
    if (known.next < offset) await this.#read(record, known)
    note(known, record)
    return (known.first.get(identityOf(record)) ?? offset) < offset
  }

  /** Reads what came before a record. */
  async #read({ topic, partition }: InboundRecord, known: Known): Promise<void> {
    const from = async (position: 'earliest' | number) => {
      const { transport } = this.#options
      await using reader = await transport.read(
        { topic, partitions: [partition], from: position, until: 'end' },
        records => {
          for (const each of records) note(known, each)
        },
      )
      await reader.closed
    }
    try {
      await from(known.next === 0 ? 'earliest' : known.next)
    } catch (thrown) {
      // The topic has dropped records since.
      if (!(thrown instanceof BusbarError && thrown.code === 'POSITION_OUT_OF_RANGE')) throw thrown
      await from('earliest')
    }
  }
}

function note(known: Known, record: InboundRecord): void {
  const { offset } = record
  const identity = identityOf(record)
  if (!known.first.has(identity)) known.first.set(identity, offset)
  known.next = Math.max(known.next, offset + 1)
}

/** Equal for the same dead letter only: a record that failed again has been replayed more often. */
function identityOf(record: InboundRecord): string {
  const { topic, partition, offset, timestampMs } = originOf(record)
  return [topic, partition, offset, timestampMs, redrivesOf(record), subscriptionOf(record)].join(' ')
}
