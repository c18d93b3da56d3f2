import assert from 'node:assert/strict'
import { eventually, uniqueName } from '@busbar/testkit'
import kafkajs from 'kafkajs'

/** What a topic has, seen with kafkajs alone. */
export interface KafkaLog extends AsyncDisposable {
  /** The ids of all events, in no order among partitions. */
  ids(): Promise<string[]>
  /** Records between the committed positions of a group and the ends. */
  lag(group: string): Promise<number>
}

export async function kafkaLog(brokers: readonly string[], topic: string): Promise<KafkaLog> {
  const kafka = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const ends = () => admin.fetchTopicOffsets(topic)
  return {
    ids: async () => {
      const count = (await ends()).reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
      const consumer = kafka.consumer({ groupId: uniqueName('reader'), maxWaitTimeInMs: 200 })
      const ids: string[] = []
      try {
        await consumer.connect()
        await consumer.subscribe({ topic, fromBeginning: true })
        await consumer.run({
          eachMessage: async ({ message }) => void ids.push(String(message.headers?.['ce_id'])),
        })
        await eventually(() => assert.equal(ids.length, count), { timeoutMs: 30_000 })
        return ids
      } finally {
        await consumer.disconnect()
      }
    },
    lag: async group => {
      const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      const positions = new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
      return (await ends()).reduce(
        (sum, { partition, high }) => sum + Number(high) - Math.max(0, positions.get(partition) ?? 0),
        0,
      )
    },
    [Symbol.asyncDispose]: () => admin.disconnect(),
  }
}
