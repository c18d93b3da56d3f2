import assert from 'node:assert/strict'
import type { ConformanceCase } from '../conformance-case.js'
import { acknowledge, hold, Inbox, record, recordsOf, text, valuesOf } from '../inbox.js'
import { Seen } from '../items.js'
import { Gate } from '../waiting.js'

/** Back-pressure, pause and seek: what is delivered, when, and how much of it. */
export const flowCases: readonly ConformanceCase[] = [
  {
    name: 'back-pressure: a stuck partition alone pauses, at its limit',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 2 })
      const inbox = new Inbox(delivery => {
        if (delivery.record.partition === 1) delivery.settle({ kind: 'ack' })
      })
      const spec = { group: world.name('group'), topics: [topic], maxInFlight: 10 }
      await world.subscribe(connected, spec, inbox)
      await world.within('sending', transport.send(recordsOf(topic, 0, 60)))
      await world.until('the limit is reached', () => inbox.valuesOf(0).length >= 10)
      // While one is stuck, the other is handled in full: whatever else would have come of the stuck one came as well.
      await world.within('sending', transport.send(recordsOf(topic, 1, 300)))
      await world.until('the other partition goes on', () => inbox.valuesOf(1).length === 300)
      assert.deepEqual(inbox.valuesOf(0), valuesOf(10), 'more than maxInFlight were delivered and unfinished')
      // What is finished makes room for as many.
      const stuck = inbox.deliveries.filter(({ record: { partition } }) => partition === 0)
      for (const delivery of stuck.slice(2, 6)) delivery.settle({ kind: 'ack' })
      await world.until('finished ones made room', () => inbox.valuesOf(0).length >= 14)
      assert.deepEqual(inbox.valuesOf(0), valuesOf(14))
    },
  },
  {
    name: 'back-pressure: nothing more of a partition until deliver resolves',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 2 })
      const gate = new Gate()
      const counts = [0, 0]
      const inbox = new Inbox(acknowledge)
      const spec = {
        group: world.name('group'),
        topics: [topic],
        from: 'earliest',
        maxInFlight: 1_000,
      } as const
      await world.within(
        'subscribing',
        transport.subscribe(spec, async batch => {
          counts[batch.partition] = (counts[batch.partition] ?? 0) + 1
          await inbox.deliver(batch)
          if (batch.partition === 0) await gate.opened
        }),
      )
      await world.within('sending', transport.send([record(topic, 'first', { partition: 0 })]))
      await world.until('it arrived', () => counts[0] === 1)
      await world.within('sending', transport.send(recordsOf(topic, 0, 5)))
      await world.within('sending', transport.send(recordsOf(topic, 1, 50)))
      await world.until('the other partition goes on', () => inbox.valuesOf(1).length === 50)
      assert.deepEqual(inbox.valuesOf(0), ['first'], 'a partition whose deliver had not resolved got more')
      gate.open()
      await world.until('it goes on', () => inbox.valuesOf(0).length === 6)
      assert.deepEqual(inbox.valuesOf(0), ['first', ...valuesOf(5)])
    },
  },
  {
    name: 'back-pressure: a bus with stuck handlers holds no more than its limits',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 2 })
      const bus = world.bus({ consume: { concurrency: 5, maxInFlight: 20 } })
      const gate = new Gate()
      const seen = new Seen()
      let running = 0
      let most = 0
      bus.subscribe(event, async item => {
        running += 1
        most = Math.max(most, running)
        await gate.opened
        running -= 1
        seen.add(item)
      })
      await world.within('starting', bus.start())
      const items = Array.from({ length: 300 }, (_, n) => ({ key: `key-${n}`, n }))
      await world.within('publishing', bus.publishBatch(event, items))
      await world.until('handlers are stuck', () => running === 5)
      gate.open()
      await world.until(
        'everything arrived',
        () => seen.hasAll(items),
        () => seen.missingOf(items),
      )
      seen.assertOnce(items, 'the handler')
      assert.equal(most, 5, 'more handlers ran at a time than the concurrency allows')
    },
  },
  {
    name: 'pause and resume',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport, events } = connected
      const topic = await world.topic(connected)
      const inbox = new Inbox(delivery => {
        if (delivery.attempt > 1 || text(delivery.record.value) !== 'handed back')
          delivery.settle({ kind: 'ack' })
      })
      const group = world.name('group')
      const subscription = await world.subscribe(connected, { group, topics: [topic] }, inbox)
      await world.within('sending', transport.send([record(topic, 'handed back', { partition: 0 })]))
      await world.until('it arrived', () => inbox.deliveries.length === 1)
      subscription.pause()
      inbox.get('handed back').settle({ kind: 'nack' })
      await world.within('sending', transport.send([...recordsOf(topic, 0, 10), ...recordsOf(topic, 1, 10)]))
      const witness = new Inbox(acknowledge)
      await world.subscribe(connected, { group: world.name('witness'), topics: [topic] }, witness)
      await world.until('another group got everything', () => witness.deliveries.length === 21)
      assert.deepEqual(inbox.values, ['handed back'], 'a paused subscription was delivered to')
      assert.equal(
        events.some(({ type, ...event }) => type === 'revoked' && 'group' in event && event.group === group),
        false,
      )
      subscription.resume()
      await world.until('it goes on', () => inbox.deliveries.length === 22)
      assert.deepEqual(
        [...inbox.values].sort(),
        ['handed back', 'handed back', ...valuesOf(10), ...valuesOf(10)].sort(),
      )
      await world.untilCaughtUp(transport, group, topic)
    },
  },
  {
    name: 'seek: back, forward and to a position',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 2 })
      const group = world.name('group')
      const place = { topic, partition: 0 }
      const inbox = new Inbox(hold)
      const subscription = await world.subscribe(connected, { group, topics: [topic] }, inbox)
      await world.within(
        'sending',
        transport.send([...recordsOf(topic, 0, 8), ...recordsOf(topic, 1, 2, 'other')]),
      )
      await world.until('everything arrived', () => inbox.deliveries.length === 10)
      const before = inbox.deliveries.filter(({ record: { partition } }) => partition === 0)
      const signal = inbox.signalOf(place)
      const signalOfOther = inbox.signalOf({ topic, partition: 1 })

      await world.within('seeking', subscription.seek(place, 'earliest'))
      assert.equal(signal.aborted, true, 'unfinished deliveries were not revoked')
      assert.deepEqual(
        before.map(delivery => delivery.settle({ kind: 'ack' })),
        before.map(() => false),
      )
      await world.until('everything came again', () => inbox.valuesOf(0).length === 16)
      assert.deepEqual(inbox.valuesOf(0).slice(8), valuesOf(8))

      await world.within('seeking', subscription.seek(place, 5))
      await world.until('the end came again', () => inbox.valuesOf(0).length === 19)
      assert.deepEqual(inbox.valuesOf(0).slice(16), valuesOf(3, '', 5))

      await world.within('seeking', subscription.seek(place, 'latest'))
      await world.within('sending', transport.send([record(topic, 'new', { partition: 0 })]))
      await world.until('the new one arrived', () => inbox.valuesOf(0).length === 20)
      assert.equal(inbox.get('new').settle({ kind: 'ack' }), true)
      await world.until(
        'the position follows',
        async () => (await world.committed(transport, group, place)) === 9,
      )

      assert.equal(signalOfOther.aborted, false, 'a partition that nobody sought was revoked')
      assert.equal(inbox.valuesOf(1).length, 2)
      assert.equal(inbox.get('other0').settle({ kind: 'ack' }), true)
    },
  },
]
