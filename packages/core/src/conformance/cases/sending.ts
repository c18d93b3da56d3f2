import assert from 'node:assert/strict'
import { partitionOfKey } from '../../partitioner.js'
import type { InboundRecord, OutboundRecord } from '../../transport.js'
import type { ConformanceCase } from '../conformance-case.js'
import { acknowledge, bytes, Inbox, record, recordsOf, text, valuesOf } from '../inbox.js'
import { itemsOf, Seen } from '../items.js'

/** Random, so that no compression gets it below a limit. */
function noise(length: number): Uint8Array {
  let state = 42
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state >>> 24
  })
}

/** Sending: where records go, in which order, and what a refusal says. */
export const sendingCases: readonly ConformanceCase[] = [
  {
    name: 'a send over topics and partitions tells where each record is',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const [one, other] = [await world.topic(connected), await world.topic(connected)]
      const sent: OutboundRecord[] = Array.from({ length: 300 }, (_, index) =>
        record(index % 2 === 0 ? one : other, String(index), {
          key: `key-${index % 50}`,
          partition: index % 3,
        }),
      )
      const positions = await world.within('sending', transport.send(sent))
      assert.deepEqual(await world.within('sending nothing', transport.send([])), [])
      const inbox = new Inbox(acknowledge)
      await world.subscribe(connected, { group: world.name('group'), topics: [one, other] }, inbox)
      await world.until('everything arrived', () => inbox.deliveries.length === sent.length)
      for (const [index, position] of positions.entries()) {
        const { topic, partition, offset } = inbox.get(String(index)).record
        assert.deepEqual(position, { topic, partition, offset })
        assert.equal(partition, index % 3)
      }
    },
  },
  {
    name: 'sends that do not wait for each other keep their order',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 2 })
      const values = valuesOf(400)
      const sends = values.map(value => transport.send([record(topic, value, { key: 'one key' })]))
      await world.within('sending', Promise.all(sends))
      const inbox = new Inbox(acknowledge)
      await world.subscribe(connected, { group: world.name('group'), topics: [topic] }, inbox)
      await world.until('everything arrived', () => inbox.deliveries.length >= values.length)
      assert.deepEqual(inbox.values, values)
    },
  },
  {
    name: "partitions are chosen by key as Kafka's clients do",
    requires: ['kafkaPartitioning'],
    async run(world) {
      const connected = await world.transport()
      const topic = await world.topic(connected, { partitions: 7 })
      const keys = [...valuesOf(60, 'key-'), '', 'Zoë', '世界']
      const positions = await world.within(
        'sending',
        connected.transport.send(keys.map(key => record(topic, 'x', { key }))),
      )
      assert.deepEqual(
        positions.map(({ partition }) => partition),
        keys.map(key => partitionOfKey(bytes(key), 7)),
      )
    },
  },
  {
    name: 'records without a key use all partitions in time',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const topic = await world.topic(connected)
      const used = new Set<number>()
      await world.until(
        'every partition was used',
        async () => {
          const positions = await world.within('sending', connected.transport.send([record(topic, 'x')]))
          for (const { partition } of positions) used.add(partition)
          return used.size === 3
        },
        () => [...used],
      )
    },
  },
  {
    name: 'a send that is refused in part says which records were not stored',
    requires: ['topicConfig'],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected)
      const narrow = await world.topic(connected, { partitions: 1, config: { 'max.message.bytes': '2000' } })
      const tooLarge = { ...record(narrow, ''), value: noise(20_000) }
      const stored = recordsOf(topic, 0, 3)
      const batch = [stored[0], tooLarge, stored[1], tooLarge, stored[2]] as OutboundRecord[]
      const error = await world.rejects('sending', transport.send(batch), 'PUBLISH_PARTIAL')
      assert.deepEqual(
        error.failures.map(({ index }) => index),
        [1, 3],
      )
      for (const failure of error.failures) assert.equal(failure.error.code, 'RECORD_TOO_LARGE')
      const alone = await world.rejects(
        'sending what is too large alone',
        transport.send([tooLarge]),
        'RECORD_TOO_LARGE',
      )
      assert.equal(alone.retryable, false)
      // The log holds exactly what was acknowledged, and sending goes on.
      await world.within(
        'sending more',
        transport.send([...recordsOf(topic, 0, 2, 'more'), record(narrow, 'fits')]),
      )
      const inbox = new Inbox(acknowledge)
      await world.subscribe(connected, { group: world.name('group'), topics: [topic, narrow] }, inbox)
      await world.until('everything arrived', () => inbox.deliveries.length >= 6)
      const valuesIn = (wanted: string) =>
        inbox.deliveries.filter(each => each.record.topic === wanted).map(each => text(each.record.value))
      assert.deepEqual(valuesIn(topic), [...valuesOf(3), ...valuesOf(2, 'more')])
      assert.deepEqual(valuesIn(narrow), ['fits'])
    },
  },
  {
    name: 'publishes of one moment: each promise tells the truth about its own',
    requires: ['read', 'topicConfig'],
    async run(world) {
      const event = world.event()
      const narrow = world.event({ partitions: 1, config: { 'max.message.bytes': '2000' } })
      const { bus, transport } = world.service()
      await world.within('starting', bus.start())
      await world.within('publishing the first', bus.publish(narrow, { key: 'a', n: 0 }))
      const large = Buffer.from(noise(20_000)).toString('base64')
      const items = itemsOf(40, 4)
      const publishing = items.map(item => {
        const isLarge = item.n % 10 === 5
        return bus.publish(isLarge ? narrow : event, isLarge ? { ...item, key: large } : item, { key: 'one' })
      })
      const results = await world.within('publishing', Promise.allSettled(publishing))
      const rejected = results.flatMap((result, index) => (result.status === 'rejected' ? [index] : []))
      assert.deepEqual(rejected, [5, 15, 25, 35])
      await world.within('publishing more', bus.publish(event, { key: 'a', n: 40 }, { key: 'one' }))
      const stored: InboundRecord[] = []
      const reader = await world.within(
        'reading',
        transport.read(
          { topic: event.topic.name, from: 'earliest', until: 'end' },
          records => void stored.push(...records),
        ),
      )
      await world.within('reading to the end', reader.closed)
      const numbers = stored.map(({ value }) => Number(/"n":(\d+)/.exec(text(value))?.[1]))
      assert.deepEqual(numbers, [...items.map(({ n }) => n).filter(n => n % 10 !== 5), 40])
    },
  },
  {
    name: 'a batch that cannot be encoded is not sent at all',
    requires: [],
    async run(world) {
      const event = world.event()
      const bus = world.bus()
      const seen = new Seen()
      bus.subscribe(event, seen.add)
      await world.within('starting', bus.start())
      const items = itemsOf(5, 5)
      const bad = { key: 'a', n: 7n as unknown as number }
      await world.rejects('publishing', bus.publishBatch(event, [...items, bad]), 'ENCODE_FAILED')
      const later = itemsOf(3, 3, 10)
      await world.within('publishing', bus.publishBatch(event, later))
      await world.until('the later ones arrived', () => seen.hasAll(later))
      seen.assertOnce(later, 'the handler')
    },
  },
]
