import { Kafka, logLevel } from 'kafkajs'
import { brokers } from './brokers.js'

/** Makes topics that are not there yet: Nest's Kafka module expects them, and ends the start without. */
export async function createTopics(...topics: readonly string[]): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.createTopics({ topics: topics.map(topic => ({ topic })) })
  await admin.disconnect()
}
