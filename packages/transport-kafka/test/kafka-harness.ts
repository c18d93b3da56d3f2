import { type OutboundRecord, silentLogger, systemRuntime } from '@busbar/core'
import { eventually, uniqueName } from '@busbar/testkit'
import kafkajs, { type Kafka } from 'kafkajs'
import { captureCluster, openCluster } from '../dist/cluster.js'
import { framingSocketFactory } from '../dist/framing-socket-factory.js'
import { createProducer } from '../dist/producer/producer.js'
import type { ProducerOptions } from '../dist/producer/producer-options.js'
import type { RecordSender } from '../dist/producer/record-sender.js'
import { quietKafkaTimers } from '../dist/quiet-timers.js'

quietKafkaTimers()

/** A record as it was read back. */
export interface StoredRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Record<string, Buffer | Buffer[] | undefined>
}

export function kafkaAt(brokers: readonly string[], more: Partial<kafkajs.KafkaConfig> = {}): Kafka {
  return new kafkajs.Kafka({
    brokers: [...brokers],
    clientId: 'test',
    logLevel: kafkajs.logLevel.NOTHING,
    socketFactory: framingSocketFactory(),
    retry: { retries: 2, initialRetryTime: 50 },
    ...more,
  })
}

export function producerAt(kafka: Kafka, more: Partial<ProducerOptions> = {}): Promise<RecordSender> {
  return createProducer({
    cluster: captureCluster(kafka),
    runtime: systemRuntime,
    logger: silentLogger,
    ...more,
  })
}

/** A new topic; returns its name. */
export async function newTopic(
  kafka: Kafka,
  numPartitions: number,
  config: Readonly<Record<string, string>> = {},
): Promise<string> {
  const topic = uniqueName('produce')
  await createTopic(kafka, topic, numPartitions, config)
  return topic
}

/** Returns when the broker answers for it: kafkajs's own wait for leaders fails where it does not yet. */
export async function createTopic(
  kafka: Kafka,
  topic: string,
  numPartitions: number,
  config: Readonly<Record<string, string>> = {},
): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  try {
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions, configEntries }] })
    await eventually(() => admin.fetchTopicMetadata({ topics: [topic] }))
  } finally {
    await admin.disconnect()
  }
}

export function record(topic: string, value: string, more: Partial<OutboundRecord> = {}): OutboundRecord {
  return { topic, key: null, value: Buffer.from(value), headers: {}, timestampMs: Date.now(), ...more }
}

/** Everything in a topic, as kafkajs's consumer decodes it (but without a group), in the order of each partition. */
export async function readTopic(kafka: Kafka, topic: string): Promise<StoredRecord[]> {
  const cluster = await openCluster(kafka)
  try {
    await cluster.addTargetTopic(topic)
    const numbers = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
    const partitions = numbers.toSorted((a, b) => a - b).map(partition => ({ partition }))
    const [ends] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning: false }])
    const found: StoredRecord[] = []
    for (const { partition } of partitions) {
      const end = Number(ends?.partitions.find(of => of.partition === partition)?.offset)
      const leader = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))[0] as string
      const broker = await cluster.findBroker({ nodeId: leader })
      for (let next = 0; next < end; ) {
        const { responses } = await broker.fetch({
          maxWaitTime: 500,
          minBytes: 1,
          maxBytes: 10_000_000,
          isolationLevel: 1,
          topics: [{ topic, partitions: [{ partition, fetchOffset: next, maxBytes: 10_000_000 }] }],
        })
        for (const { offset, timestamp, key, value, headers } of responses[0]?.partitions[0]?.messages ??
          []) {
          if (Number(offset) < next) continue
          found.push({
            partition,
            offset: Number(offset),
            timestampMs: Number(timestamp),
            key,
            value,
            headers: headers ?? {},
          })
          next = Number(offset) + 1
        }
      }
    }
    return found
  } finally {
    await cluster.disconnect()
  }
}
