import assert from 'node:assert/strict'
import { BusbarError } from '../../error.js'
import type { ConformanceCase } from '../conformance-case.js'
import { acknowledge, Inbox } from '../inbox.js'
import { type Item, itemsOf, Seen } from '../items.js'
import { pause } from '../waiting.js'

/** Subscribers and publishers that close: what they leave behind, others find. */
export const closingCases: readonly ConformanceCase[] = [
  {
    name: 'continue after a subscriber closes',
    requires: [],
    async run(world) {
      const event = world.event()
      const group = world.name('group')
      const items = itemsOf(90, 9)
      const publisher = world.bus()
      await world.within('starting', publisher.start())
      await world.within('publishing', publisher.publishBatch(event, items))
      const seen = new Seen()
      for (const enough of [30, 60, items.length]) {
        const { bus, transport } = world.service({ consume: { concurrency: 4, maxInFlight: 8 } })
        bus.subscribe(event, { group }, async item => {
          await pause(1)
          seen.add(item)
        })
        await world.within('starting', bus.start())
        await world.until(`${enough} were handled`, () => seen.items.length >= enough)
        if (enough === items.length) await world.untilCaughtUp(transport, group, event.topic.name)
        await world.within('closing', bus.close())
      }
      // Each member drained, committed and left: nothing is missing and nothing came twice.
      seen.assertOnce(items, 'the group')
      seen.assertKeyOrder('the group')
    },
  },
  {
    name: 'concurrent close',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 4 })
      const group = world.name('group')
      const items = itemsOf(400, 40)
      const publisher = world.bus()
      await world.within('starting', publisher.start())
      const seen = new Seen()
      const members = [0, 1, 2].map(() => world.bus({ consume: { concurrency: 4, maxInFlight: 16 } }))
      for (const bus of members) {
        bus.subscribe(event, { group }, async item => {
          await pause(1)
          seen.add(item)
        })
      }
      await world.within('starting', Promise.all(members.map(bus => bus.start())))
      await world.within('publishing', publisher.publishBatch(event, items))
      await world.until('some were handled', () => seen.items.length > 20)
      // All at once, and one of them by two callers.
      await world.within('closing', Promise.all([...members, ...members].map(bus => bus.close())))
      const { bus: heir, transport } = world.service()
      heir.subscribe(event, { group }, seen.add)
      await world.within('starting', heir.start())
      await world.until(
        'the heir got the rest',
        () => seen.hasAll(items),
        () => seen.missingOf(items),
      )
      await world.untilCaughtUp(transport, group, event.topic.name)
    },
  },
  {
    name: 'publisher closes: what was acknowledged is stored',
    requires: ['read'],
    async run(world) {
      const event = world.event()
      const bus = world.bus()
      await world.within('starting', bus.start())
      const items = itemsOf(300, 10)
      await world.within('publishing the first', bus.publish(event, items[0] as Item))
      const publishing = items.slice(1).map(item => bus.publish(event, item))
      const closing = bus.close()
      const results = await world.within('the end of every publish', Promise.allSettled(publishing))
      await world.within('closing', closing)
      const stored = new Set<string>()
      const { transport } = await world.transport()
      const reader = await world.within(
        'reading',
        transport.read({ topic: event.topic.name, from: 'earliest', until: 'end' }, records => {
          for (const { partition, offset } of records) stored.add(`${partition}@${offset}`)
        }),
      )
      await world.within('reading to the end', reader.closed)
      for (const result of results) {
        if (result.status === 'rejected')
          assert(result.reason instanceof BusbarError, 'a publish failed without a BusbarError')
        else
          assert(
            stored.has(`${result.value.partition}@${result.value.offset}`),
            'an acknowledged event is not stored',
          )
      }
    },
  },
  {
    name: 'publish before start waits, after close it is refused',
    requires: [],
    async run(world) {
      const event = world.event()
      const bus = world.bus()
      const seen = new Seen()
      bus.subscribe(event, seen.add)
      const items = itemsOf(20, 2)
      let isStarting = false
      const early = Promise.all(
        items.map(async item => {
          await bus.publish(event, item)
          assert(isStarting, 'a publish before the start resolved')
        }),
      )
      // A failure is for the wait below.
      early.catch(() => {})
      await pause(0)
      isStarting = true
      await world.within('starting', bus.start())
      await world.within('the publishes that waited', early)
      const later = itemsOf(20, 2, 20)
      await world.within('publishing', Promise.all(later.map(item => bus.publish(event, item))))
      await world.until('everything arrived', () => seen.hasAll([...items, ...later]))
      seen.assertKeyOrder('the handler')
      await world.within('closing', bus.close())
      await world.rejects('publishing after the close', bus.publish(event, { key: 'a', n: 99 }), 'BUS_CLOSED')
    },
  },
  {
    name: 'closed: subscriptions and readers say when they end',
    requires: ['read'],
    async run(world) {
      const connected = await world.transport()
      const topic = await world.topic(connected)
      const subscription = await world.subscribe(
        connected,
        { group: world.name('group'), topics: [topic] },
        new Inbox(acknowledge),
      )
      const reader = await world.within(
        'reading',
        connected.transport.read({ topic, from: 'latest' }, () => {}),
      )
      let ended = 0
      for (const each of [subscription, reader]) {
        void each.closed.then(() => {
          ended += 1
        })
      }
      await world.within('a round trip', connected.transport.positions(world.name('group')))
      assert.equal(ended, 0, 'something that runs calls itself closed')
      for (const each of [subscription, reader]) {
        await world.within(
          'disposing',
          Promise.all([each[Symbol.asyncDispose](), each[Symbol.asyncDispose]()]),
        )
        await world.within('closed', each.closed)
      }
    },
  },
]
