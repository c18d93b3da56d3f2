import {
  BusbarError,
  type ConnectOptions,
  type Deliver,
  type InboundHeaders,
  type InboundRecord,
  type OutboundHeaders,
  type OutboundRecord,
  type PartitionPosition,
  partitionOfKey,
  type RecordPosition,
  type SubscribeSpec,
  type TopicSpec,
  type Transport,
  type TransportReader,
  type TransportSubscription,
} from '@busbar/core'
import type { ToyBroker } from './toy-broker.js'
import { ToyMember } from './toy-member.js'

/** A transport within one process: an array for each partition. */
export class ToyTransport implements Transport {
  readonly name = 'toy'
  readonly capabilities = { read: false, durable: false, kafkaPartitioning: true }
  readonly #broker: ToyBroker
  readonly #members = new Set<ToyMember>()
  #connection: ConnectOptions | undefined
  #turn = 0

  constructor(broker: ToyBroker) {
    this.#broker = broker
  }

  async connect(options: ConnectOptions): Promise<void> {
    this.#connection = options
  }

  async send(records: readonly OutboundRecord[]): Promise<readonly RecordPosition[]> {
    // All or nothing: every place is looked up before the first record is stored.
    const placed = records.map(record => ({ record, partition: this.#partitionOf(record) }))
    const positions = placed.map(({ record, partition }) => this.#append(record, partition))
    this.#broker.wake()
    return positions
  }

  async subscribe(spec: SubscribeSpec, deliver: Deliver): Promise<TransportSubscription> {
    for (const topic of spec.topics) this.#broker.logsOf(topic)
    const member = new ToyMember(this.#broker, this.#connected(), spec, deliver)
    this.#members.add(member)
    member.join()
    return member
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    for (const { name, create, partitions, config } of topics) {
      if (!/^[\w.-]{1,249}$/.test(name) || /^\.+$/.test(name))
        throw new BusbarError('TOPIC_INVALID', `"${name}" is no topic name`)
      if (Object.keys(config ?? {}).length > 0)
        throw new BusbarError('TOPIC_INVALID', `topic ${name}: toy topics have no settings`)
      if (create && !this.#broker.topics.has(name)) {
        this.#broker.topics.set(
          name,
          Array.from({ length: partitions ?? 3 }, () => []),
        )
      }
      const found = await this.partitions(name)
      if (found !== (partitions ?? found)) {
        throw new BusbarError('TOPIC_MISMATCH', `topic ${name} has ${found} partitions, not ${partitions}`)
      }
    }
  }

  async partitions(topic: string): Promise<number> {
    return this.#broker.logsOf(topic).length
  }

  async positions(group: string): Promise<readonly PartitionPosition[]> {
    return [...this.#broker.group(group).committed.values()].map(({ topic, partition, position }) => {
      const end = this.#broker.logOf({ topic, partition }).length
      return { topic, partition, committed: position, end, lag: end - position }
    })
  }

  async read(): Promise<TransportReader> {
    throw new BusbarError('CAPABILITY_MISSING', 'the toy transport cannot read without a group')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#members].map(member => member[Symbol.asyncDispose]()))
  }

  #partitionOf({ topic, partition, key }: OutboundRecord): number {
    const count = this.#broker.logsOf(topic).length
    const chosen = partition ?? (key === null ? this.#turn++ % count : partitionOfKey(key, count))
    this.#broker.logOf({ topic, partition: chosen })
    return chosen
  }

  #append({ topic, key, value, headers, timestampMs }: OutboundRecord, partition: number): RecordPosition {
    const log = this.#broker.logOf({ topic, partition })
    const place = { topic, partition, offset: log.length }
    const record: InboundRecord = {
      ...place,
      key: copyOf(key),
      value: copyOf(value),
      headers: inbound(headers),
      timestampMs,
    }
    log.push(record)
    return place
  }

  #connected(): ConnectOptions {
    if (!this.#connection) throw new BusbarError('BUS_CLOSED', 'the toy transport is not connected')
    return this.#connection
  }
}

function copyOf(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : Uint8Array.from(bytes)
}

/** Headers as they come out: bytes, and a list only where a name occurs more than once. */
function inbound(headers: OutboundHeaders): InboundHeaders {
  const bytesOf = (value: string | Uint8Array) =>
    typeof value === 'string' ? Buffer.from(value) : Uint8Array.from(value)
  const entries = Object.entries(headers).flatMap(([name, value]): [string, Uint8Array | Uint8Array[]][] => {
    if (typeof value === 'string' || value instanceof Uint8Array) return [[name, bytesOf(value)]]
    const [first, ...more] = value.map(bytesOf)
    return first ? [[name, more.length > 0 ? [first, ...more] : first]] : []
  })
  return Object.fromEntries(entries)
}
