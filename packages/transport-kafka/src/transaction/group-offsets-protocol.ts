import type { TopicPartition } from '@busbar/core'
import type { Protocol } from '../kafkajs-internals.js'
import {
  compactString,
  flexibleProtocol,
  int16,
  int32,
  int64,
  noTags,
  unsignedVarint,
} from '../producer/wire.js'
import { type Answer, byTopic, mostTelling, type TransactionalIdentity } from './transaction-protocol.js'

/** One membership in a group: the coordinator refuses positions of any but the present one (KIP-447). */
export interface Membership {
  readonly group: string
  readonly memberId: string
  readonly generationId: number
}

/** A position to commit, and the text that is kept beside it. */
export interface GroupOffset extends TopicPartition {
  readonly position: number
  readonly metadata: string
}

const count = (items: number): Buffer => unsignedVarint(items + 1)

/** Stores positions that count once the transaction is committed (TxnOffsetCommit version 3, Kafka 2.5, KIP-447). */
export function txnOffsetCommit(
  identity: TransactionalIdentity,
  { group, memberId, generationId }: Membership,
  offsets: readonly GroupOffset[],
): Protocol<Answer> {
  const write = ({ partition, position, metadata }: GroupOffset): Buffer[] => [
    int32(partition),
    int64(BigInt(position)),
    int32(-1), // the leader's epoch is not known
    compactString(metadata),
    noTags,
  ]
  return flexibleProtocol(
    { key: 28, version: 3, name: 'TxnOffsetCommit' },
    () => [
      compactString(identity.transactionalId),
      compactString(group),
      int64(identity.producerId),
      int16(identity.epoch),
      int32(generationId),
      compactString(memberId),
      compactString(null), // no static membership
      ...byTopic(offsets, count, compactString, count, write, [noTags]),
      noTags,
    ],
    reader => {
      reader.int32() // throttle time
      const codes = reader.compactArray(() => {
        reader.compactString()
        const ofTopic = reader.compactArray(() => {
          reader.int32()
          const errorCode = reader.int16()
          reader.tags()
          return errorCode
        })
        reader.tags()
        return ofTopic
      })
      return { errorCode: mostTelling(codes.flat()) }
    },
  )
}

export interface FetchedOffsets extends Answer {
  /** Those that the group has a position for. */
  readonly offsets: readonly GroupOffset[]
}

/**
 * The committed positions of a group; an error where a transaction that is not ended has one for any of the partitions
 * (OffsetFetch version 7 with `require_stable`, Kafka 2.5, KIP-447).
 *
 * @param partitions Default: all that the group has a position for.
 */
export function stableOffsets(
  group: string,
  partitions?: readonly TopicPartition[],
): Protocol<FetchedOffsets> {
  return flexibleProtocol(
    { key: 9, version: 7, name: 'OffsetFetch' },
    () => [
      compactString(group),
      ...(partitions
        ? byTopic(partitions, count, compactString, count, ({ partition }) => [int32(partition)], [noTags])
        : [unsignedVarint(0)]),
      Buffer.from([1]), // require stable
      noTags,
    ],
    reader => {
      reader.int32() // throttle time
      const codes: number[] = []
      const found = reader.compactArray(() => {
        const topic = reader.compactString()
        const ofTopic = reader.compactArray(() => {
          const partition = reader.int32()
          const position = reader.offset()
          reader.int32() // the leader's epoch
          const metadata = reader.compactString()
          codes.push(reader.int16())
          reader.tags()
          return { topic, partition, position, metadata }
        })
        reader.tags()
        return ofTopic
      })
      codes.unshift(reader.int16())
      // Kafka answers -1 where nothing is committed.
      const offsets = found.flat().filter(({ position }) => position >= 0)
      return { errorCode: mostTelling(codes), offsets }
    },
  )
}
