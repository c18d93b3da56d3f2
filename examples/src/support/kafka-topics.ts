import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import { brokers } from './brokers.js'

/** Makes topics that are not there yet: Nest's Kafka module expects them, and ends the start without. */
export async function createTopics(...topics: readonly string[]): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    await admin.createTopics({ topics: topics.map(topic => ({ topic })), waitForLeaders: false })
    await untilKnown(admin, topics)
  } finally {
    await admin.disconnect()
  }
}

/** kafkajs's own wait for leaders fails on a topic that is so new that the broker does not answer for it yet. */
async function untilKnown(admin: Admin, topics: readonly string[]): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await admin.fetchTopicMetadata({ topics: [...topics] })
      return
    } catch (error) {
      if (tries === 50) throw error
      await sleep(100)
    }
  }
}
