import assert from 'node:assert/strict'
import type { ConformanceCase } from '../conformance-case.js'
import { acknowledge, hold, Inbox, record, recordsOf, valuesOf } from '../inbox.js'
import { itemsOf, Seen } from '../items.js'

/** Where groups start, where they stand, and where they go on. */
export const positionCases: readonly ConformanceCase[] = [
  {
    name: 'positions: committed, end and lag of each partition',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 2 })
      const group = world.name('group')
      assert.deepEqual(await world.within('asking for positions', transport.positions(group)), [])
      await world.within(
        'sending',
        transport.send([...recordsOf(topic, 0, 10, 'p'), ...recordsOf(topic, 1, 3, 'q')]),
      )
      const inbox = new Inbox(hold)
      await world.subscribe(connected, { group, topics: [topic] }, inbox)
      await world.until('everything arrived', () => inbox.deliveries.length === 13)
      for (const value of ['p0', 'p1', 'p2', 'p3', 'q1']) inbox.get(value).settle({ kind: 'ack' })
      await world.until(
        'the prefix is committed',
        async () => (await world.committed(transport, group, { topic, partition: 0 })) === 4,
      )
      const positions = await world.within('asking for positions', transport.positions(group))
      assert.deepEqual(
        [...positions].sort((a, b) => a.partition - b.partition),
        [
          { topic, partition: 0, committed: 4, end: 10, lag: 6 },
          { topic, partition: 1, committed: 0, end: 3, lag: 3 },
        ],
      )
    },
  },
  {
    name: 'from latest: what came before is not seen, and the start is committed at once',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 2 })
      const group = world.name('group')
      const spec = { group, topics: [topic], from: 'latest' } as const
      await world.within(
        'sending',
        transport.send([...recordsOf(topic, 0, 3, 'old'), ...recordsOf(topic, 1, 1, 'old')]),
      )
      const idle = new Inbox(acknowledge)
      const first = await world.subscribe(connected, spec, idle)
      const starts = await world.within('asking for positions', transport.positions(group))
      assert.deepEqual(starts.map(({ partition, committed }) => `${partition}@${committed}`).sort(), [
        '0@3',
        '1@1',
      ])
      await world.within('closing', first[Symbol.asyncDispose]())
      // Nobody runs; these belong to the group all the same.
      await world.within(
        'sending',
        transport.send([...recordsOf(topic, 0, 5, 'p'), ...recordsOf(topic, 1, 5, 'q')]),
      )
      const inbox = new Inbox(acknowledge)
      await world.subscribe(await world.transport(), spec, inbox)
      await world.until(
        'what was sent meanwhile arrived',
        () => inbox.deliveries.length >= 10,
        () => inbox.values,
      )
      assert.deepEqual(inbox.valuesOf(0), valuesOf(5, 'p'))
      assert.deepEqual(inbox.valuesOf(1), valuesOf(5, 'q'))
      assert.deepEqual(idle.values, [])
    },
  },
  {
    name: 'from earliest: the start is committed at once, and everything is seen',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 2 })
      const group = world.name('group')
      await world.within('sending', transport.send(recordsOf(topic, 0, 5)))
      const inbox = new Inbox(hold)
      await world.subscribe(connected, { group, topics: [topic], from: 'earliest' }, inbox)
      const starts = await world.within('asking for positions', transport.positions(group))
      assert.deepEqual(starts.map(({ partition, committed }) => `${partition}@${committed}`).sort(), [
        '0@0',
        '1@0',
      ])
      await world.until('everything arrived', () => inbox.deliveries.length === 5)
      assert.deepEqual(inbox.values, valuesOf(5))
    },
  },
  {
    name: 'a group goes on where it stood',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 1 })
      const group = world.name('group')
      await world.within('sending', transport.send(recordsOf(topic, 0, 10)))
      const first = new Inbox(hold)
      const subscription = await world.subscribe(connected, { group, topics: [topic] }, first)
      await world.until('everything arrived', () => first.deliveries.length === 10)
      for (const value of ['0', '1', '2', '5']) first.get(value).settle({ kind: 'ack' })
      // Straight away: closing commits what is finished, without waiting for its turn.
      await world.within('closing', subscription[Symbol.asyncDispose]())
      assert.equal(await world.committed(transport, group, { topic, partition: 0 }), 3)
      const next = new Inbox(acknowledge)
      // `from` is for groups that have no position.
      await world.subscribe(await world.transport(), { group, topics: [topic], from: 'latest' }, next)
      await world.until('the rest arrived', () => next.deliveries.length >= 7)
      assert.deepEqual(next.values, valuesOf(7, '', 3))
    },
  },
  {
    name: 'groups and records outlive the transports',
    requires: ['durable'],
    async run(world) {
      const event = world.event()
      const group = world.name('group')
      const publisher = world.bus()
      await world.within('starting', publisher.start())
      const items = itemsOf(30, 6)
      await world.within('publishing', publisher.publishBatch(event, items))
      await world.within('closing', publisher.close())
      const first = world.service()
      const seen = new Seen()
      first.bus.subscribe(event, { group }, seen.add)
      await world.within('starting', first.bus.start())
      await world.until('everything arrived', () => seen.hasAll(items))
      await world.within('closing', first.bus.close())
      const second = world.service()
      second.bus.subscribe(event, { group }, seen.add)
      await world.within('starting', second.bus.start())
      const later = itemsOf(6, 6, 30)
      await world.within('publishing', second.bus.publishBatch(event, later))
      await world.until('the later ones arrived', () => seen.hasAll(later))
      await world.untilCaughtUp(second.transport, group, event.topic.name)
      seen.assertOnce([...items, ...later], 'the group')
    },
  },
  {
    name: 'a group that stands outside of the log says so, and goes on',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport, events } = connected
      const topic = await world.topic(connected, { partitions: 1 })
      await world.within('sending', transport.send([record(topic, 'x')]))
      const inbox = new Inbox(acknowledge)
      const subscription = await world.subscribe(
        connected,
        { group: world.name('group'), topics: [topic] },
        inbox,
      )
      await world.until('it arrived', () => inbox.deliveries.length === 1)
      await world.within('seeking', subscription.seek({ topic, partition: 0 }, 1_000))
      await world.until('the position was reported', () =>
        events.some(({ type }) => type === 'position-out-of-range'),
      )
      const reported = events.find(event => event.type === 'position-out-of-range')
      assert.deepEqual([reported?.position, reported?.error.code], [1_000, 'POSITION_OUT_OF_RANGE'])
      await world.within('sending more', transport.send([record(topic, 'y')]))
      await world.until('the group goes on', () => inbox.values.includes('y'))
    },
  },
]
