import { BusbarError, reasonOf } from '../error.js'
import { deadLetterTopic, keptForGood } from '../middleware/dead-letter.js'
import type { OwnTopic } from '../own-topic.js'
import { returnHeader } from '../return-headers.js'
import type { Delivery, InboundRecord, OutboundRecord } from '../transport.js'

/** Where the dead letters of a record's topic go. */
export function deadLetterTopicOf({ topic }: InboundRecord, group: string): OwnTopic {
  return { name: deadLetterTopic(topic, group), like: topic, config: keptForGood }
}

/**
 * The dead letter of a record of a stream with a state: its bytes as they are, with the reason, which is shortened where a letter was
 * refused before.
 */
export function deadLetterOf(
  { record, refused }: Pick<Delivery, 'record' | 'refused'>,
  group: string,
  thrown: unknown,
  attempts: number,
  nowMs: number,
): OutboundRecord {
  const length = (refused?.times ?? 0) > 1 ? 80 : 2_000
  return {
    topic: deadLetterTopic(record.topic, group),
    key: record.key,
    value: record.value,
    timestampMs: record.timestampMs,
    headers: {
      ...record.headers,
      [returnHeader.group]: group,
      [returnHeader.subscription]: `${group}/streams`,
      [returnHeader.attempts]: String(attempts),
      [returnHeader.originalTopic]: record.topic,
      [returnHeader.originalPartition]: String(record.partition),
      [returnHeader.originalOffset]: String(record.offset),
      [returnHeader.originalTimestamp]: String(record.timestampMs),
      [returnHeader.errorCode]: thrown instanceof BusbarError ? thrown.code : 'HANDLER_FAILED',
      [returnHeader.errorMessage]: reasonOf(thrown).slice(0, length).toWellFormed(),
      [returnHeader.failedAt]: String(nowMs),
    },
  }
}
