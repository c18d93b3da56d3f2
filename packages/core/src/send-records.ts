import type { PublisherOptions } from './publish.js'
import type { Published } from './publish-report.js'
import type { OutboundRecord, RecordPosition } from './transport.js'

/** What a record is that was encoded before; one without an envelope goes by its topic. */
export function publishedOf({ headers, topic }: OutboundRecord): Published {
  const [type = topic] = [headers['ce_type'] ?? []].flat()
  return { kind: 'event', event: typeof type === 'string' ? type : Buffer.from(type).toString() }
}

/** Sends records that were encoded before, as they are, once the bus is connected and their topics are there. */
export async function sendRecords(
  { gate, topics, transport }: Pick<PublisherOptions, 'gate' | 'topics' | 'transport'>,
  records: readonly OutboundRecord[],
): Promise<readonly RecordPosition[]> {
  await gate(records[0]?.topic ?? 'no records')
  const names = new Set(records.map(record => record.topic))
  await Promise.all([...names].map(async name => topics.ensure({ name })))
  return records.length === 0 ? [] : transport.send(records)
}
