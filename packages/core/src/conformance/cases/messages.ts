import assert from 'node:assert/strict'
import type { InboundRecord, OutboundRecord } from '../../transport.js'
import type { ConformanceCase } from '../conformance-case.js'
import { acknowledge, bytes, contentOf, Inbox, record } from '../inbox.js'

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte)
const notUtf8 = new Uint8Array([0xff, 0xfe, 0x00, 0xc3, 0x28])

/** Records that are at the edge of what a record can be. */
function oddRecords(topic: string): OutboundRecord[] {
  const plain = record(topic, 'plain', { key: 'key', partition: 0 })
  return [
    plain,
    { ...plain, key: null },
    { ...plain, key: new Uint8Array(0) },
    { ...plain, key: notUtf8 },
    { ...plain, value: null },
    { ...plain, value: new Uint8Array(0) },
    { ...plain, value: everyByte },
    { ...plain, key: null, value: null },
    {
      ...plain,
      headers: { text: 'Grüße, 世界', bytes: notUtf8, empty: '', 'empty-bytes': new Uint8Array(0) },
    },
    { ...plain, headers: { twice: ['one', notUtf8], thrice: ['', 'b', 'a'], once: ['single'] } },
    { ...plain, headers: { constructor: 'a name that objects have', ключ: 'a name beyond ASCII' } },
    { ...plain, value: new Uint8Array(100_000).fill(7) },
    { ...plain, timestampMs: plain.timestampMs - 123_456 },
  ]
}

/** Bytes that are a view into the middle of others: what is stored is the view. */
function asViews(sent: readonly OutboundRecord[]): OutboundRecord[] {
  const view = (content: Uint8Array | null) => {
    if (content === null) return null
    const whole = new Uint8Array(content.length + 6).fill(0xaa)
    whole.set(content, 3)
    return whole.subarray(3, 3 + content.length)
  }
  return sent.map(each => ({ ...each, key: view(each.key), value: view(each.value) }))
}

/** What a record must look like when it is received. */
function expected(sent: OutboundRecord, offset: number): InboundRecord {
  const toBytes = (value: string | Uint8Array) => (typeof value === 'string' ? bytes(value) : value)
  const headers = Object.entries(sent.headers).map(([name, values]) => {
    const list = typeof values === 'string' || values instanceof Uint8Array ? [values] : values
    return [name, list.map(toBytes)] as const
  })
  const { topic, key, value, timestampMs } = sent
  return { topic, partition: 0, offset, key, value, timestampMs, headers: Object.fromEntries(headers) }
}

/** Watermill's message context: what is sent is what arrives, byte for byte. */
export const messageCases: readonly ConformanceCase[] = [
  {
    name: 'message context: records arrive byte for byte',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 1 })
      const sent = oddRecords(topic)
      const positions = await world.within('sending', transport.send(asViews(sent)))
      assert.deepEqual(
        positions,
        sent.map((_, offset) => ({ topic, partition: 0, offset })),
      )
      const inbox = new Inbox(acknowledge)
      await world.subscribe(connected, { group: world.name('group'), topics: [topic] }, inbox)
      await world.until('everything arrived', () => inbox.deliveries.length === sent.length)
      for (const [offset, { record: received }] of inbox.deliveries.entries()) {
        assert.deepEqual(
          contentOf(received),
          contentOf(expected(sent[offset] as OutboundRecord, offset)),
          `record ${offset}`,
        )
        assert.deepEqual([received.topic, received.partition, received.offset], [topic, 0, offset])
      }
      for (const value of Object.values(inbox.deliveries[9]?.record.headers ?? {})) {
        const isList = !(value instanceof Uint8Array)
        assert(!isList || value.length > 1, 'a header that occurs once is not a list')
      }
    },
  },
  {
    name: 'message context: readers get the same bytes',
    requires: ['read'],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 1 })
      const sent = oddRecords(topic)
      await world.within('sending', transport.send(asViews(sent)))
      const received: InboundRecord[] = []
      const reader = await world.within(
        'reading',
        transport.read({ topic, from: 'earliest', until: 'end' }, records => void received.push(...records)),
      )
      await world.within('reading to the end', reader.closed)
      assert.deepEqual(
        received.map(contentOf),
        sent.map((each, offset) => contentOf(expected(each, offset))),
      )
    },
  },
  {
    name: 'message context: handlers know id, source, key, headers and place',
    requires: [],
    async run(world) {
      const event = world.event()
      const bus = world.bus()
      const contexts: object[] = []
      bus.subscribe(event, (payload, context) => {
        const { id, source, key, topic, partition, offset, group, attempt } = context
        const headers = [context.headers.get('x-text'), [...(context.headers.bytes('x-bytes') ?? [])]]
        contexts.push({
          payload,
          id,
          source,
          key,
          topic,
          partition,
          offset,
          group,
          attempt,
          headers,
          event: context.event,
        })
      })
      await world.within('starting', bus.start())
      const payload = { key: 'Zoë', n: 1 }
      const headers = { 'x-text': 'Grüße', 'x-bytes': notUtf8 }
      const { id, topic, partition, offset } = await world.within(
        'publishing',
        bus.publish(event, payload, { id: 'my-id', headers }),
      )
      await world.until('it arrived', () => contexts.length === 1)
      assert.equal(id, 'my-id')
      const place = {
        id,
        topic,
        partition,
        offset,
        key: 'Zoë',
        source: bus.name,
        group: bus.name,
        attempt: 1,
      }
      assert.deepEqual(contexts, [{ payload, ...place, headers: ['Grüße', [...notUtf8]], event: event.name }])
    },
  },
]
