import type { Protocol } from '../kafkajs-internals.js'
import { int16, int32, protocol, string, type WireReader } from './wire.js'

/** The encoded batch of one partition. */
export interface ProducePartition {
  readonly topic: string
  readonly partition: number
  readonly batch: Buffer
}

/** What the broker says of one partition's batch. */
export interface ProduceAnswer {
  readonly topic: string
  readonly partition: number
  /** 0: stored. */
  readonly errorCode: number
  readonly errorMessage: string
  /** The offset of the first record; -1 where it was not stored or is not known. */
  readonly baseOffset: number
  /** Indexes of the records that made the broker refuse the batch (KIP-467); empty where it doesn't say. */
  readonly badRecords: readonly number[]
}

export interface ProduceAnswers {
  readonly partitions: readonly ProduceAnswer[]
  /** Milliseconds during which the broker wants no more (KIP-219). */
  readonly throttleMs: number
}

export const produceApiKey = 0

/** Version 7 came with Kafka 2.1 (KIP-110), version 8 with 2.4 (KIP-467: which records are bad). */
export const produceVersions = { min: 7, max: 8 }

/**
 * A Produce request that asks for the acknowledgement of all in-sync replicas.
 *
 * @param timeoutMs How long the broker may wait for the replicas.
 * @param transactionalId Of the transaction that the batches belong to. Default: none.
 */
export function produce(
  version: number,
  batches: readonly ProducePartition[],
  timeoutMs: number,
  transactionalId?: string,
): Protocol<ProduceAnswers> {
  return protocol(
    { key: produceApiKey, version, name: 'Produce' },
    () => encode(batches, timeoutMs, transactionalId),
    reader => read(reader, version),
  )
}

function encode(
  batches: readonly ProducePartition[],
  timeoutMs: number,
  transactionalId: string | undefined,
): Uint8Array[] {
  const byTopic = new Map<string, ProducePartition[]>()
  for (const batch of batches) {
    const ofTopic = byTopic.get(batch.topic)
    if (ofTopic) ofTopic.push(batch)
    else byTopic.set(batch.topic, [batch])
  }
  const transaction = transactionalId === undefined ? int16(-1) : string(transactionalId)
  const allInSyncReplicas = int16(-1)
  const parts: Uint8Array[] = [transaction, allInSyncReplicas, int32(timeoutMs), int32(byTopic.size)]
  for (const [topic, ofTopic] of byTopic) {
    parts.push(string(topic), int32(ofTopic.length))
    for (const { partition, batch } of ofTopic) parts.push(int32(partition), int32(batch.length), batch)
  }
  return parts
}

function read(reader: WireReader, version: number): ProduceAnswers {
  const topics = reader.array(() => {
    const topic = reader.string()
    return reader.array(() => readPartition(reader, topic, version))
  })
  return { partitions: topics.flat(), throttleMs: reader.int32() }
}

function readPartition(reader: WireReader, topic: string, version: number): ProduceAnswer {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const baseOffset = reader.offset()
  reader.int64() // log append time
  reader.int64() // log start offset
  let badRecords: number[] = []
  let errorMessage = ''
  if (version >= 8) {
    badRecords = reader.array(() => {
      const index = reader.int32()
      reader.string()
      return index
    })
    errorMessage = reader.string()
  }
  return { topic, partition, errorCode, errorMessage, baseOffset, badRecords }
}
