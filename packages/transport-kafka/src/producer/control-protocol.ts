import type { Protocol } from '../kafkajs-internals.js'
import { int8, int32, protocol, string } from './wire.js'

/** Which brokers there are, and of the topics asked for, which leads which partition. */
export interface Metadata {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[]
  readonly topics: readonly TopicMetadata[]
}

export interface TopicMetadata {
  readonly name: string
  readonly errorCode: number
  /** The leader's node id is -1 where there is none now. */
  readonly partitions: readonly { readonly partition: number; readonly leader: number }[]
}

/**
 * Metadata of these topics and no others, version 5 (Kafka 1.0), creating none. An error of one topic or partition is
 * that one's alone, where kafkajs's own request fails for all.
 */
export function metadata(topics: readonly string[]): Protocol<Metadata> {
  return protocol(
    { key: 3, version: 5, name: 'Metadata' },
    () => [int32(topics.length), ...topics.map(string), int8(0)],
    reader => {
      reader.int32() // throttle time
      const brokers = reader.array(() => {
        const broker = { nodeId: reader.int32(), host: reader.string(), port: reader.int32() }
        reader.string() // rack
        return broker
      })
      reader.string() // cluster id
      reader.int32() // controller
      const found = reader.array(() => {
        const errorCode = reader.int16()
        const name = reader.string()
        reader.int8() // internal
        const partitions = reader.array(() => {
          reader.int16() // a partition's error says no more than its leader
          const partition = { partition: reader.int32(), leader: reader.int32() }
          for (const _ of ['replicas', 'in-sync replicas', 'offline replicas'])
            reader.array(() => reader.int32())
          return partition
        })
        return { name, errorCode, partitions }
      })
      return { brokers, topics: found }
    },
  )
}

export interface NewProducerId {
  readonly errorCode: number
  readonly producerId: bigint
  readonly epoch: number
}

/** A new producer id, not of a transaction (InitProducerId version 1, Kafka 2.0). */
export function newProducerId(): Protocol<NewProducerId> {
  const noTransactionalId = Buffer.from([0xff, 0xff])
  return protocol(
    { key: 22, version: 1, name: 'InitProducerId' },
    () => [noTransactionalId, int32(60_000)],
    reader => {
      reader.int32() // throttle time
      return { errorCode: reader.int16(), producerId: reader.int64(), epoch: reader.int16() }
    },
  )
}

const topicResource = 2

/** `max.message.bytes` of each topic that may be described (DescribeConfigs version 1, Kafka 1.1). */
export function maxMessageBytes(topics: readonly string[]): Protocol<ReadonlyMap<string, number>> {
  const setting = 'max.message.bytes'
  return protocol(
    { key: 32, version: 1, name: 'DescribeConfigs' },
    () => [
      int32(topics.length),
      ...topics.flatMap(topic => [int8(topicResource), string(topic), int32(1), string(setting)]),
      int8(0), // no synonyms
    ],
    reader => {
      reader.int32() // throttle time
      const limits = new Map<string, number>()
      reader.array(() => {
        reader.int16() // an error comes with no settings
        reader.string()
        reader.int8()
        const topic = reader.string()
        reader.array(() => {
          const name = reader.string()
          const value = reader.string()
          reader.int8() // read only
          reader.int8() // source
          reader.int8() // sensitive
          reader.array(() => [reader.string(), reader.string(), reader.int8()])
          if (name === setting && Number(value) > 0) limits.set(topic, Number(value))
        })
      })
      return limits
    },
  )
}
