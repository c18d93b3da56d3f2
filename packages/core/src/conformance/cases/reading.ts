import assert from 'node:assert/strict'
import type { InboundRecord, ReadSpec, TransportReader } from '../../transport.js'
import type { ConformanceCase } from '../conformance-case.js'
import { record, recordsOf, text, valuesOf } from '../inbox.js'
import { itemsOf, Seen } from '../items.js'
import { Gate, pause } from '../waiting.js'
import type { Connected, World } from '../world.js'

/** A reader and what it has received. */
class Reading {
  readonly records: InboundRecord[] = []
  reader: TransportReader | undefined

  static async open(world: World, { transport }: Connected, spec: ReadSpec): Promise<Reading> {
    const reading = new Reading()
    reading.reader = await world.within(
      'opening a reader',
      transport.read(spec, async records => {
        reading.records.push(...records)
        await pause(0)
      }),
    )
    return reading
  }

  valuesOf(partition: number): string[] {
    return this.records.filter(each => each.partition === partition).map(({ value }) => text(value))
  }

  async end(world: World): Promise<void> {
    await world.within('reading to the end', this.reader?.closed ?? Promise.resolve())
  }
}

/** Reading without a group, and what stands on it: broadcasts. */
export const readingCases: readonly ConformanceCase[] = [
  {
    name: 'read: from earliest, from a position, from latest',
    requires: ['read'],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 2 })
      await world.within(
        'sending',
        transport.send([...recordsOf(topic, 0, 6, 'p'), ...recordsOf(topic, 1, 6, 'q')]),
      )
      const earliest = await Reading.open(world, connected, { topic, from: 'earliest' })
      const latest = await Reading.open(world, connected, { topic, from: 'latest' })
      const fourth = await Reading.open(world, connected, { topic, from: 4 })
      // Whatever is sent once `read` has resolved is seen.
      await world.within(
        'sending',
        transport.send([record(topic, 'new', { partition: 0 }), record(topic, 'new', { partition: 1 })]),
      )
      await world.until('the first has everything', () => earliest.records.length === 14)
      await world.until(
        'the others have the new ones',
        () => latest.records.length >= 2 && fourth.records.length >= 6,
      )
      assert.deepEqual(earliest.valuesOf(0), [...valuesOf(6, 'p'), 'new'])
      assert.deepEqual(earliest.valuesOf(1), [...valuesOf(6, 'q'), 'new'])
      assert.deepEqual([latest.valuesOf(0), latest.valuesOf(1)], [['new'], ['new']])
      assert.deepEqual(fourth.valuesOf(0), ['p4', 'p5', 'new'])
      assert.deepEqual(fourth.valuesOf(1), ['q4', 'q5', 'new'])
    },
  },
  {
    name: 'read: until the end, of all and of pinned partitions, also of empty ones',
    requires: ['read'],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 3 })
      const empty = await Reading.open(world, connected, { topic, from: 'earliest', until: 'end' })
      await empty.end(world)
      assert.deepEqual(empty.records, [])
      await world.within('sending', transport.send([...recordsOf(topic, 0, 5), ...recordsOf(topic, 2, 300)]))
      const all = await Reading.open(world, connected, { topic, from: 'earliest', until: 'end' })
      const pinned = await Reading.open(world, connected, {
        topic,
        partitions: [1, 2],
        from: 'earliest',
        until: 'end',
      })
      const tail = await Reading.open(world, connected, { topic, partitions: [2], from: 298, until: 'end' })
      const nothing = await Reading.open(world, connected, { topic, from: 'latest', until: 'end' })
      for (const reading of [all, pinned, tail, nothing]) await reading.end(world)
      assert.deepEqual([all.valuesOf(0), all.valuesOf(1), all.valuesOf(2)], [valuesOf(5), [], valuesOf(300)])
      assert.deepEqual([pinned.valuesOf(0), pinned.valuesOf(2)], [[], valuesOf(300)])
      assert.deepEqual(tail.valuesOf(2), ['298', '299'])
      assert.deepEqual(nothing.records, [])
    },
  },
  {
    name: 'read: a position outside of the log is refused',
    requires: ['read'],
    async run(world) {
      const connected = await world.transport()
      const topic = await world.topic(connected, { partitions: 1 })
      const reading = connected.transport.read({ topic, from: 1_000 }, () => {})
      await world.rejects('reading beyond the end', reading, 'POSITION_OUT_OF_RANGE')
    },
  },
  {
    name: 'read: a partition waits for its receiver, the others do not',
    requires: ['read'],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 2 })
      const gate = new Gate()
      const received: string[] = []
      let calls = 0
      const reader = await world.within(
        'opening a reader',
        transport.read({ topic, from: 'earliest' }, async records => {
          received.push(...records.map(({ value }) => text(value)))
          if (records[0]?.partition !== 0) return
          calls += 1
          await gate.opened
        }),
      )
      await world.within('sending', transport.send([record(topic, 'first', { partition: 0 })]))
      await world.until('it arrived', () => calls === 1)
      await world.within(
        'sending',
        transport.send([...recordsOf(topic, 0, 5, 'p'), ...recordsOf(topic, 1, 5, 'q')]),
      )
      await world.until('the other partition goes on', () => received.includes('q4'))
      assert.deepEqual(received, ['first', ...valuesOf(5, 'q')])
      gate.open()
      await world.until('it goes on', () => received.includes('p4'))
      assert.deepEqual(received.slice(6), valuesOf(5, 'p'))
      await world.within('closing', reader[Symbol.asyncDispose]())
      await world.within('closed', reader.closed)
    },
  },
  {
    name: 'read: no group, no positions, no share',
    requires: ['read'],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected)
      const one = await Reading.open(world, connected, { topic, from: 'latest' })
      const other = await Reading.open(world, await world.transport(), { topic, from: 'latest' })
      const sent = [0, 1, 2].flatMap(partition => recordsOf(topic, partition, 10, `p${partition}-`))
      await world.within('sending', transport.send(sent))
      for (const reading of [one, other]) {
        await world.until('each reader has everything', () => reading.records.length === sent.length)
      }
    },
  },
  {
    name: 'broadcast: every instance gets everything from its start on, and again after a failure',
    requires: ['read'],
    async run(world) {
      const event = world.event()
      const items = itemsOf(30, 6)
      const publisher = world.bus()
      await world.within('starting', publisher.start())
      await world.within('publishing what is too early', publisher.publishBatch(event, itemsOf(10, 2, 900)))
      const name = world.name('instance')
      const instances = [0, 1].map(() => ({
        bus: world.bus({ name }),
        seen: new Seen(),
        groups: new Set<unknown>(),
      }))
      for (const { bus, seen, groups } of instances) {
        bus.subscribe(event, { group: false }, (item, { attempt, group }) => {
          groups.add(group)
          if (item.n === 7 && attempt === 1) throw new Error('the first attempt fails')
          seen.add(item)
        })
        await world.within('starting', bus.start())
      }
      await world.within('publishing', publisher.publishBatch(event, items))
      for (const { seen, groups } of instances) {
        await world.until(
          'each instance has everything',
          () => seen.hasAll(items),
          () => seen.missingOf(items),
        )
        seen.assertOnce(items, 'an instance')
        seen.assertKeyOrder('an instance')
        assert.deepEqual([...groups], [false])
      }
    },
  },
]
