import type { TopicPartition } from '@busbar/core'
import type { Protocol } from '../kafkajs-internals.js'
import {
  compactString,
  flexibleProtocol,
  int8,
  int16,
  int32,
  int64,
  noTags,
  protocol,
  string,
  type WireReader,
} from '../producer/wire.js'

/** As whom a transaction is written: what the coordinator knows its transactional id by. */
export interface TransactionalIdentity {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly epoch: number
}

/** An answer that is only an error code, 0 for none. */
export interface Answer {
  readonly errorCode: number
}

/** What kind of coordinator is looked for (FindCoordinator's key types). */
export const coordinatorType = { group: 0, transaction: 1 } as const

export interface FoundCoordinator extends Answer {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

/** Who coordinates a group or a transactional id (FindCoordinator version 1, Kafka 0.11). */
export function findCoordinator(key: string, type: 0 | 1): Protocol<FoundCoordinator> {
  return protocol(
    { key: 10, version: 1, name: 'FindCoordinator' },
    () => [string(key), int8(type)],
    reader => {
      reader.int32() // throttle time
      const errorCode = reader.int16()
      reader.string() // error message
      return { errorCode, nodeId: reader.int32(), host: reader.string(), port: reader.int32() }
    },
  )
}

export interface InitializedProducer extends Answer {
  readonly producerId: bigint
  readonly epoch: number
}

/**
 * The next epoch of a transactional id: aborts what is open and fences all earlier ones (InitProducerId version 3,
 * Kafka 2.5). With `current` the coordinator refuses when it is not the current one any more (KIP-360).
 */
export function initProducerId(
  transactionalId: string,
  transactionTimeoutMs: number,
  current: { readonly producerId: bigint; readonly epoch: number } | undefined,
): Protocol<InitializedProducer> {
  const { producerId, epoch } = current ?? { producerId: -1n, epoch: -1 }
  return flexibleProtocol(
    { key: 22, version: 3, name: 'InitProducerId' },
    () => [
      compactString(transactionalId),
      int32(transactionTimeoutMs),
      int64(producerId),
      int16(epoch),
      noTags,
    ],
    reader => {
      reader.int32() // throttle time
      return { errorCode: reader.int16(), producerId: reader.int64(), epoch: reader.int16() }
    },
  )
}

/** Makes partitions part of the transaction, and begins one where none is open (AddPartitionsToTxn version 1, Kafka 2.0). */
export function addPartitionsToTxn(
  identity: TransactionalIdentity,
  partitions: readonly TopicPartition[],
): Protocol<Answer> {
  return protocol(
    { key: 24, version: 1, name: 'AddPartitionsToTxn' },
    () => [
      ...identityBytes(identity),
      ...byTopic(partitions, int32, string, int32, ({ partition }) => [int32(partition)]),
    ],
    reader => {
      reader.int32() // throttle time
      const codes = reader.array(() => {
        reader.string()
        return reader.array(() => {
          reader.int32()
          return reader.int16()
        })
      })
      return { errorCode: mostTelling(codes.flat()) }
    },
  )
}

/** Makes the offsets of a group part of the transaction (AddOffsetsToTxn version 1, Kafka 2.0). */
export function addOffsetsToTxn(identity: TransactionalIdentity, group: string): Protocol<Answer> {
  return protocol(
    { key: 25, version: 1, name: 'AddOffsetsToTxn' },
    () => [...identityBytes(identity), string(group)],
    readAnswer,
  )
}

/** Ends the transaction (EndTxn version 1, Kafka 2.0). */
export function endTxn(identity: TransactionalIdentity, commit: boolean): Protocol<Answer> {
  return protocol(
    { key: 26, version: 1, name: 'EndTxn' },
    () => [...identityBytes(identity), int8(commit ? 1 : 0)],
    readAnswer,
  )
}

/** Partitions by topic, in either of the two ways to write strings and arrays. */
export function byTopic<T extends TopicPartition>(
  partitions: readonly T[],
  topicCount: (count: number) => Buffer,
  topicName: (name: string) => Buffer,
  partitionCount: (count: number) => Buffer,
  write: (partition: T) => readonly Uint8Array[],
  end: readonly Uint8Array[] = [],
): Uint8Array[] {
  const topics = new Map<string, T[]>()
  for (const partition of partitions) {
    const ofTopic = topics.get(partition.topic)
    if (ofTopic) ofTopic.push(partition)
    else topics.set(partition.topic, [partition])
  }
  return [
    topicCount(topics.size),
    ...[...topics].flatMap(([topic, ofTopic]) => [
      topicName(topic),
      partitionCount(ofTopic.length),
      ...ofTopic.flatMap(write),
      ...end,
    ]),
  ]
}

/** Of the codes of several partitions: the others say OPERATION_NOT_ATTEMPTED (55) where one was refused. */
export function mostTelling(codes: readonly number[]): number {
  const refused = codes.filter(code => code !== 0)
  return refused.find(code => code !== 55) ?? refused[0] ?? 0
}

function identityBytes({ transactionalId, producerId, epoch }: TransactionalIdentity): Buffer[] {
  return [string(transactionalId), int64(producerId), int16(epoch)]
}

function readAnswer(reader: WireReader): Answer {
  reader.int32() // throttle time
  return { errorCode: reader.int16() }
}
