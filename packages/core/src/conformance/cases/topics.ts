import assert from 'node:assert/strict'
import type { ConformanceCase } from '../conformance-case.js'
import { acknowledge, Inbox, record, recordsOf, valuesOf } from '../inbox.js'
import { itemsOf, Seen } from '../items.js'

/** Topics: created, verified, missing; and a subscription whose topics change. */
export const topicCases: readonly ConformanceCase[] = [
  {
    name: 'topics are created, and verified when they are there',
    requires: [],
    async run(world) {
      const { transport } = await world.transport()
      const name = world.name('topic')
      await world.rejects(
        'verifying a missing topic',
        transport.ensureTopics([{ name, create: false }]),
        'TOPIC_MISSING',
      )
      await world.within('creating', transport.ensureTopics([{ name, create: true, partitions: 5 }]))
      assert.equal(await world.within('asking', transport.partitions(name)), 5)
      await world.within(
        'verifying',
        transport.ensureTopics([
          { name, create: true, partitions: 5 },
          { name, create: false },
        ]),
      )
      const mismatch = transport.ensureTopics([{ name, create: true, partitions: 6 }])
      await world.rejects('verifying with other partitions', mismatch, 'TOPIC_MISMATCH')
      assert.equal(await world.within('asking', transport.partitions(name)), 5)
    },
  },
  {
    name: 'topic settings are applied and verified',
    requires: ['topicConfig'],
    async run(world) {
      const { transport } = await world.transport()
      const name = world.name('topic')
      const spec = { name, create: true, partitions: 1, config: { 'retention.ms': '7200000' } }
      await world.within('creating', transport.ensureTopics([spec]))
      await world.within('verifying', transport.ensureTopics([spec]))
      const other = { ...spec, config: { 'retention.ms': '3600000' } }
      await world.rejects('verifying with other settings', transport.ensureTopics([other]), 'TOPIC_MISMATCH')
    },
  },
  {
    name: 'several create one topic at the same time',
    requires: [],
    async run(world) {
      const all = [await world.transport(), await world.transport(), await world.transport()]
      const spec = { name: world.name('topic'), create: true, partitions: 2 }
      await world.within('creating', Promise.all(all.map(({ transport }) => transport.ensureTopics([spec]))))
      for (const { transport } of all)
        assert.equal(await world.within('asking', transport.partitions(spec.name)), 2)
    },
  },
  {
    name: 'a bad topic name is refused',
    requires: [],
    async run(world) {
      const { transport } = await world.transport()
      for (const name of ['', 'with space', '..', 'x'.repeat(250)]) {
        await world.rejects(
          `a topic named "${name}"`,
          transport.ensureTopics([{ name, create: true }]),
          'TOPIC_INVALID',
        )
      }
    },
  },
  {
    name: 'a missing topic is refused everywhere, and the next try finds it',
    requires: [],
    async run(world) {
      const { transport } = await world.transport()
      const topic = world.name('topic')
      const spec = { group: world.name('group'), topics: [topic], from: 'earliest', maxInFlight: 10 } as const
      const inbox = new Inbox(acknowledge)
      await world.rejects('its partitions', transport.partitions(topic), 'TOPIC_MISSING')
      await world.rejects('subscribing', transport.subscribe(spec, inbox.deliver), 'TOPIC_MISSING')
      await world.rejects('sending', transport.send([record(topic, 'x')]), 'TOPIC_MISSING')
      await world.within('creating', transport.ensureTopics([{ name: topic, create: true, partitions: 1 }]))
      await world.within('subscribing', transport.subscribe(spec, inbox.deliver))
      await world.within('sending', transport.send([record(topic, 'x')]))
      await world.until('it arrived', () => inbox.values.length === 1)
    },
  },
  {
    name: 'a bus that may not create topics says which one is missing, and starts once it is there',
    requires: [],
    async run(world) {
      const event = world.event()
      const bus = world.bus({ topics: { create: false } })
      const seen = new Seen()
      bus.subscribe(event, seen.add)
      const error = await world.rejects('starting', bus.start(), 'TOPIC_MISSING')
      assert.match(error.message, new RegExp(event.topic.name))
      const { transport } = await world.transport()
      await world.within('creating', transport.ensureTopics([{ ...event.topic, create: true }]))
      await world.within('starting again', bus.start())
      await world.within('publishing', bus.publishBatch(event, itemsOf(5, 2)))
      await world.until('it receives', () => seen.hasAll(itemsOf(5, 2)))
    },
  },
  {
    name: 'the topics of a subscription change, its positions stay',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const one = await world.topic(connected, { partitions: 2 })
      const other = await world.topic(connected, { partitions: 2 })
      const group = world.name('group')
      const inbox = new Inbox(acknowledge)
      const subscription = await world.subscribe(connected, { group, topics: [one] }, inbox)
      await world.within(
        'sending',
        transport.send([...recordsOf(one, 0, 3, 'a'), ...recordsOf(other, 1, 3, 'b')]),
      )
      await world.until('the one arrived', () => inbox.values.length === 3)
      assert.deepEqual(inbox.values, valuesOf(3, 'a'))
      await world.within('adding a topic', subscription.setTopics([one, other]))
      await world.until(
        'the other arrived',
        () => inbox.values.length === 6,
        () => inbox.values,
      )
      await world.within('removing a topic', subscription.setTopics([other]))
      await world.within(
        'sending',
        transport.send([...recordsOf(one, 0, 2, 'c'), ...recordsOf(other, 1, 2, 'd')]),
      )
      await world.until('the other goes on', () => inbox.values.includes('d1'))
      assert.deepEqual(inbox.values, [...valuesOf(3, 'a'), ...valuesOf(3, 'b'), ...valuesOf(2, 'd')])
      await world.within('adding it again', subscription.setTopics([one, other]))
      await world.until('what was missed arrived', () => inbox.values.includes('c1'))
      await world.untilCaughtUp(transport, group, one)
      // Not from its first record: the group had a position there.
      assert.deepEqual(inbox.values.slice(8), valuesOf(2, 'c'))
    },
  },
  {
    name: 'subscriptions are added to and removed from a running bus',
    requires: [],
    async run(world) {
      const [first, added] = [world.event(), world.event()]
      const { bus, transport } = world.service()
      const [ofFirst, ofAdded, ofGroup] = [new Seen(), new Seen(), new Seen()]
      bus.subscribe(first, ofFirst.add)
      await world.within('starting', bus.start())
      const items = itemsOf(20, 4)
      await world.within('publishing', bus.publishBatch(first, items))
      const adding = bus.subscribe(added, ofAdded.add)
      const addingGroup = bus.subscribe(first, { group: world.name('group') }, ofGroup.add)
      await world.within('the added ones are ready', Promise.all([adding.ready, addingGroup.ready]))
      await world.within('publishing', bus.publishBatch(added, items))
      await world.until('all arrived', () => [ofFirst, ofAdded, ofGroup].every(seen => seen.hasAll(items)))
      await world.within('removing', adding.close())
      const later = itemsOf(20, 4, 20)
      await world.within(
        'publishing',
        Promise.all([bus.publishBatch(added, later), bus.publishBatch(first, later)]),
      )
      await world.until('the others go on', () => ofFirst.hasAll(later) && ofGroup.hasAll(later))
      await world.untilCaughtUp(transport, bus.name, first.topic.name)
      ofFirst.assertOnce([...items, ...later], 'the first subscription')
      ofAdded.assertOnce(items, 'the subscription that was removed')
    },
  },
]
