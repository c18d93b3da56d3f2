import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { brokers } from './brokers.js'

/** Makes topics that are not there yet: Nest's Kafka module expects them, and ends the start without. */
export async function createTopics(...topics: readonly string[]): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.createTopics({ topics: topics.map(topic => ({ topic })), waitForLeaders: false })
  // kafkajs's own wait for leaders fails on a topic that is so new that the broker does not answer for it yet.
  for (let tries = 1; ; tries++) {
    try {
      await admin.fetchTopicMetadata({ topics: [...topics] })
      break
    } catch (error) {
      if (tries === 50) throw error
      await sleep(100)
    }
  }
  await admin.disconnect()
}
