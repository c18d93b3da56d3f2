import { BusbarError, type TopicSpec } from '@busbar/core'

/** What Kafka accepts as a topic name (`org.apache.kafka.common.internals.Topic`). */
const legalName = /^[A-Za-z0-9._-]{1,249}$/

/** @throws BusbarError `TOPIC_INVALID` for what a broker would refuse. */
export function checkTopicSpec({ name, partitions, replication }: TopicSpec): void {
  const refuse = (why: string) => new BusbarError('TOPIC_INVALID', `Topic ${JSON.stringify(name)}: ${why}`)
  if (!legalName.test(name) || name === '.' || name === '..') {
    throw refuse('a name has 1 to 249 letters, digits, dots, underscores and hyphens')
  }
  if (partitions !== undefined && !(Number.isInteger(partitions) && partitions >= 1)) {
    throw refuse(`it can't have ${partitions} partitions`)
  }
  if (replication !== undefined && !(Number.isInteger(replication) && replication >= 1)) {
    throw refuse(`it can't have ${replication} replicas`)
  }
}
