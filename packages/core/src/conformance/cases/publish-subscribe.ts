import assert from 'node:assert/strict'
import type { ConformanceCase } from '../conformance-case.js'
import { itemsOf, Seen } from '../items.js'

/** Watermill's basic cases: what is published arrives where it belongs. */
export const publishSubscribeCases: readonly ConformanceCase[] = [
  {
    name: 'publish and subscribe',
    requires: [],
    async run(world) {
      const event = world.event()
      const items = itemsOf(100, 7)
      const bus = world.bus()
      const seen = new Seen()
      bus.subscribe(event, seen.add)
      await world.within('starting', bus.start())
      const receipts = await world.within(
        'publishing',
        Promise.all(items.map(item => bus.publish(event, item))),
      )
      await world.until(
        'everything arrived',
        () => seen.hasAll(items),
        () => seen.missingOf(items),
      )
      seen.assertOnce(items, 'the handler')
      seen.assertKeyOrder('the handler')
      const places = new Set(
        receipts.map(({ topic, partition, offset }) => `${topic}/${partition}@${offset}`),
      )
      assert.equal(places.size, items.length, 'two events were stored in one place')
    },
  },
  {
    name: 'concurrent subscribers share the work',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 4 })
      const items = itemsOf(200, 40)
      const group = world.name('group')
      const both = new Seen()
      const members = [new Seen(), new Seen()]
      for (const member of members) {
        const bus = world.bus()
        bus.subscribe(event, { group }, item => {
          both.add(item)
          member.add(item)
        })
        await world.within('starting', bus.start())
      }
      const publisher = world.bus()
      await world.within('starting', publisher.start())
      await world.within('publishing', publisher.publishBatch(event, items))
      await world.until(
        'everything arrived',
        () => both.hasAll(items),
        () => both.missingOf(items),
      )
      both.assertOnce(items, 'the group')
      both.assertKeyOrder('the group')
      for (const member of members) assert(member.items.length > 0, 'a member of the group got nothing to do')
    },
  },
  {
    name: 'many topics',
    requires: [],
    async run(world) {
      const bus = world.bus()
      const topics = Array.from({ length: 12 }, () => ({
        event: world.event({ partitions: 1 }),
        seen: new Seen(),
      }))
      for (const { event, seen } of topics) bus.subscribe(event, seen.add)
      await world.within('starting', bus.start())
      const items = itemsOf(20, 3)
      await world.within('publishing', Promise.all(topics.map(({ event }) => bus.publishBatch(event, items))))
      for (const { event, seen } of topics) {
        await world.until(
          `everything of ${event.name} arrived`,
          () => seen.hasAll(items),
          () => seen.missingOf(items),
        )
        seen.assertOnce(items, event.name)
      }
    },
  },
  {
    name: 'topics apart',
    requires: [],
    async run(world) {
      const [one, other] = [world.event(), world.event()]
      const [ofOne, ofOther] = [new Seen(), new Seen()]
      const bus = world.bus()
      bus.subscribe(one, ofOne.add)
      bus.subscribe(other, ofOther.add)
      await world.within('starting', bus.start())
      const [forOne, forOther] = [itemsOf(30, 5), itemsOf(30, 5, 1_000)]
      await world.within(
        'publishing',
        Promise.all([bus.publishBatch(one, forOne), bus.publishBatch(other, forOther)]),
      )
      await world.until('everything arrived', () => ofOne.hasAll(forOne) && ofOther.hasAll(forOther))
      ofOne.assertOnce(forOne, 'the handler of one topic')
      ofOther.assertOnce(forOther, 'the handler of the other')
    },
  },
  {
    name: 'in order',
    requires: [],
    async run(world) {
      const event = world.event()
      const items = itemsOf(500, 10)
      const bus = world.bus()
      const seen = new Seen()
      bus.subscribe(event, seen.add)
      await world.within('starting', bus.start())
      // Not awaited one by one: the order of the calls is the order of the log.
      await world.within('publishing', Promise.all(items.map(item => bus.publish(event, item))))
      await world.until(
        'everything arrived',
        () => seen.hasAll(items),
        () => seen.missingOf(items),
      )
      seen.assertOnce(items, 'the handler')
      seen.assertKeyOrder('the handler')
    },
  },
  {
    name: 'consumer groups: members share, each group gets everything',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 4 })
      const items = itemsOf(120, 24)
      const groups = [0, 1, 2].map(() => ({ group: world.name('group'), seen: new Seen() }))
      for (const { group, seen } of [...groups, ...groups]) {
        const bus = world.bus()
        bus.subscribe(event, { group }, seen.add)
        await world.within('starting', bus.start())
      }
      const publisher = world.bus()
      await world.within('starting', publisher.start())
      await world.within('publishing', publisher.publishBatch(event, items))
      for (const { group, seen } of groups) {
        await world.until(
          `${group} got everything`,
          () => seen.hasAll(items),
          () => seen.missingOf(items),
        )
        seen.assertOnce(items, group)
      }
    },
  },
  {
    name: 'a new group gets the old events',
    requires: [],
    async run(world) {
      const event = world.event()
      const items = itemsOf(50, 5)
      const first = world.bus()
      const seenFirst = new Seen()
      first.subscribe(event, seenFirst.add)
      await world.within('starting', first.start())
      await world.within('publishing', first.publishBatch(event, items))
      await world.until('the first group got everything', () => seenFirst.hasAll(items))
      const second = world.bus()
      const seenSecond = new Seen()
      second.subscribe(event, seenSecond.add)
      await world.within('starting', second.start())
      const later = itemsOf(10, 5, 50)
      await world.within('publishing', first.publishBatch(event, later))
      const all = [...items, ...later]
      await world.until(
        'the new group got everything',
        () => seenSecond.hasAll(all),
        () => seenSecond.missingOf(all),
      )
      seenSecond.assertOnce(all, 'the new group')
      seenSecond.assertKeyOrder('the new group')
      await world.until('the first group got the later ones', () => seenFirst.hasAll(all))
      seenFirst.assertOnce(all, 'the first group')
    },
  },
  {
    name: 'several handlers of an event in one group all run',
    requires: [],
    async run(world) {
      const event = world.event()
      const items = itemsOf(40, 4)
      const bus = world.bus()
      const [good, flaky] = [new Seen(), new Seen()]
      let failures = 0
      bus.subscribe(event, { name: 'good' }, good.add)
      bus.subscribe(event, { name: 'flaky' }, (item, { attempt }) => {
        if (attempt === 1 && item.n % 8 === 0) {
          failures += 1
          throw new Error('the first attempt fails')
        }
        flaky.add(item)
      })
      await world.within('starting', bus.start())
      await world.within('publishing', bus.publishBatch(event, items))
      await world.until('both got everything', () => good.hasAll(items) && flaky.hasAll(items))
      assert(failures > 0)
      // A neighbour's failure brings the record again, but not to whom is through with it.
      good.assertOnce(items, 'the handler that never fails')
      flaky.assertKeyOrder('the handler that fails at times')
    },
  },
]
