import type { RecordContext } from './context.js'
import type { OutboundHeaders, OutboundRecord } from './transport.js'
import { returnHeader } from './return-headers.js'

/** A record that leaves its topic: its key, value and headers byte for byte, where it came from, and what else is given. */
export function returnedRecord(context: RecordContext, headers: OutboundHeaders): Omit<OutboundRecord, 'topic'> {
  const { record, origin, group, subscription, attempt } = context
  // When it was due belongs to the way by which it came, and no further.
  const { [returnHeader.dueAt]: dueAt, ...own } = record.headers
  return {
    key: record.key,
    value: record.value,
    timestampMs: record.timestampMs,
    headers: {
      ...(origin === record && dueAt ? record.headers : own),
      [returnHeader.group]: String(group),
      [returnHeader.subscription]: subscription,
      [returnHeader.attempts]: String(attempt),
      [returnHeader.originalTopic]: origin.topic,
      [returnHeader.originalPartition]: String(origin.partition),
      [returnHeader.originalOffset]: String(origin.offset),
      [returnHeader.originalTimestamp]: String(origin.timestampMs),
      ...headers,
    },
  }
}
