import { BusbarError, reasonOf } from '../error.js'
import { deadLetterTopic, keptForGood } from '../middleware/dead-letter.js'
import type { OwnTopic } from '../own-topic.js'
import { attemptsBefore, type Origin, returnHeader, subscriptionOf } from '../return-headers.js'
import type { Delivery, OutboundRecord } from '../transport.js'

/** What dead letters call the operators of a group: they come back to it as a whole. */
export function subscriptionOfGroup(group: string): string {
  return `${group}/streams`
}

/** Where the dead letters of what was published to a topic go. */
export function deadLetterTopicOf({ topic }: Origin, group: string): OwnTopic {
  return { name: deadLetterTopic(topic, group), like: topic, config: keptForGood }
}

/**
 * The dead letter of a record of a stream with a state: its bytes as they are, with the reason, which is shortened where a letter was
 * refused before.
 */
export function deadLetterOf(
  { record, refused }: Pick<Delivery, 'record' | 'refused'>,
  origin: Origin,
  group: string,
  thrown: unknown,
  attempts: number,
  nowMs: number,
): OutboundRecord {
  // One that came back may be of a subscription that the group had before.
  const subscription = (origin !== record && subscriptionOf(record)) || subscriptionOfGroup(group)
  const length = (refused?.times ?? 0) > 1 ? 80 : 2_000
  return {
    topic: deadLetterTopic(origin.topic, group),
    key: record.key,
    value: record.value,
    timestampMs: record.timestampMs,
    headers: {
      ...record.headers,
      [returnHeader.group]: group,
      [returnHeader.subscription]: subscription,
      [returnHeader.attempts]: String(attemptsBefore(record) + attempts),
      [returnHeader.originalTopic]: origin.topic,
      [returnHeader.originalPartition]: String(origin.partition),
      [returnHeader.originalOffset]: String(origin.offset),
      [returnHeader.originalTimestamp]: String(origin.timestampMs),
      [returnHeader.errorCode]: thrown instanceof BusbarError ? thrown.code : 'HANDLER_FAILED',
      [returnHeader.errorMessage]: reasonOf(thrown).slice(0, length).toWellFormed(),
      [returnHeader.failedAt]: String(nowMs),
    },
  }
}
