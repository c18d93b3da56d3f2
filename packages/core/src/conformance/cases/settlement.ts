import assert from 'node:assert/strict'
import { systemRuntime } from '../../runtime.js'
import type { ConformanceCase } from '../conformance-case.js'
import { acknowledge, hold, Inbox, record, recordsOf, valuesOf } from '../inbox.js'

/** Deliveries at the level of the contract: `settle`, what it does to positions, and what comes again. */
export const settlementCases: readonly ConformanceCase[] = [
  {
    name: 'the first settlement wins',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 1 })
      const group = world.name('group')
      const inbox = new Inbox(hold)
      const subscription = await world.subscribe(connected, { group, topics: [topic] }, inbox)
      await world.within('sending', transport.send(recordsOf(topic, 0, 3)))
      await world.until('everything arrived', () => inbox.deliveries.length === 3)
      assert.equal(inbox.get('0').settle({ kind: 'ack' }), true)
      assert.equal(inbox.get('0').settle({ kind: 'nack' }), false)
      assert.equal(inbox.get('0').settle({ kind: 'ack' }), false)
      const handedBack = inbox.get('1')
      assert.equal(handedBack.settle({ kind: 'nack' }), true)
      assert.equal(handedBack.settle({ kind: 'ack' }), false)
      await world.until('what was handed back came again', () => inbox.deliveries.length === 4)
      assert.equal(handedBack.settle({ kind: 'ack' }), false, 'a delivery that is over was settled')
      assert.equal(inbox.get('1').settle({ kind: 'ack' }), true)
      await world.within('closing', subscription[Symbol.asyncDispose]())
      assert.equal(inbox.get('2').settle({ kind: 'ack' }), false, 'a settlement counted after the end')
      assert.equal(inbox.signalOf({ topic, partition: 0 }).aborted, true)
      assert.equal(await world.committed(transport, group, { topic, partition: 0 }), 2)
      assert.equal(inbox.deliveries.length, 4)
    },
  },
  {
    name: 'attempts count up, and a new member starts at one',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const topic = await world.topic(connected, { partitions: 1 })
      const group = world.name('group')
      const attempts: number[] = []
      const inbox = new Inbox(delivery => {
        attempts.push(delivery.attempt)
        if (delivery.attempt < 3) delivery.settle({ kind: 'nack' })
      })
      const subscription = await world.subscribe(connected, { group, topics: [topic] }, inbox)
      await world.within('sending', connected.transport.send([record(topic, 'x')]))
      await world.until('the third attempt', () => attempts.length === 3)
      assert.deepEqual(attempts, [1, 2, 3])
      await world.within('closing', subscription[Symbol.asyncDispose]())
      const next = new Inbox(acknowledge)
      await world.subscribe(await world.transport(), { group, topics: [topic] }, next)
      await world.until('the next member got it', () => next.deliveries.length === 1)
      assert.equal(next.get('x').attempt, 1)
    },
  },
  {
    name: 'the committed position is the finished prefix',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 1 })
      const place = { topic, partition: 0 }
      const group = world.name('group')
      const inbox = new Inbox(hold)
      await world.subscribe(connected, { group, topics: [topic] }, inbox)
      await world.within('sending', transport.send(recordsOf(topic, 0, 10)))
      await world.until('everything arrived', () => inbox.deliveries.length === 10)
      const committedIs = (position: number) =>
        world.until(
          `${position} is committed`,
          async () => (await world.committed(transport, group, place)) === position,
        )
      for (const value of ['0', '1', '3', '4', '9']) inbox.get(value).settle({ kind: 'ack' })
      await committedIs(2)
      inbox.get('2').settle({ kind: 'ack' })
      await committedIs(5)
      inbox.get('6').settle({ kind: 'nack', delayMs: 60_000 })
      for (const value of ['5', '7', '8']) inbox.get(value).settle({ kind: 'ack' })
      await committedIs(6)
    },
  },
  {
    name: 'handed back: the key waits in order, other keys go on and do not come again',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 1 })
      const group = world.name('group')
      const inbox = new Inbox(hold)
      await world.subscribe(connected, { group, topics: [topic] }, inbox)
      const keyed = (values: readonly string[]) =>
        values.map(value => record(topic, value, { key: value.slice(0, 1) }))
      await world.within('sending', transport.send(keyed(['a1', 'b1', 'a2', 'b2', 'a3', 'c1'])))
      await world.until('everything arrived', () => inbox.deliveries.length === 6)
      for (const value of ['b1', 'c1']) inbox.get(value).settle({ kind: 'ack' })
      const handedBackAt = systemRuntime.now()
      const delayMs = 150
      // In one turn: a record, and what its holder has behind it.
      inbox.get('a1').settle({ kind: 'nack', delayMs })
      inbox.get('a2').settle({ kind: 'nack' })
      inbox.get('a3').settle({ kind: 'nack' })
      inbox.get('b2').settle({ kind: 'ack' })
      await world.within('sending more', transport.send(keyed(['a4', 'b3'])))
      await world.until(
        'the key came again',
        () => inbox.valuesOf(0).filter(value => value.startsWith('a')).length === 7,
      )
      // A timer may be a millisecond early by the wall clock.
      assert(
        systemRuntime.now() - handedBackAt >= delayMs - 5,
        'what was handed back came before its delay was over',
      )
      await world.until('the other key went on', () => inbox.values.includes('b3'))
      const ofKey = inbox.values.filter(value => value.startsWith('a'))
      assert.deepEqual(ofKey, ['a1', 'a2', 'a3', 'a1', 'a2', 'a3', 'a4'])
      assert.deepEqual(
        inbox.values.filter(value => !value.startsWith('a')),
        ['b1', 'b2', 'c1', 'b3'],
      )
      assert.deepEqual(
        ['a1', 'a2', 'a3', 'a4'].map(value => inbox.get(value).attempt),
        [2, 2, 2, 1],
      )
      for (const value of ['a1', 'a2', 'a3', 'a4', 'b3'])
        assert.equal(inbox.get(value).settle({ kind: 'ack' }), true)
      await world.untilCaughtUp(transport, group, topic)
      assert.equal(inbox.deliveries.length, 11)
      // However long one key waits, records of others that come later are delivered.
      await world.within('sending one', transport.send(keyed(['a5'])))
      await world.until('it arrived', () => inbox.values.includes('a5'))
      inbox.get('a5').settle({ kind: 'nack', delayMs: 60_000 })
      await world.within('sending others', transport.send(keyed(['a6', 'b4', 'd1'])))
      await world.until('the others arrived', () => inbox.values.includes('d1'))
      assert.deepEqual(inbox.values.slice(11), ['a5', 'b4', 'd1'])
    },
  },
  {
    name: 'a record without a key holds back nothing',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 1 })
      const group = world.name('group')
      const inbox = new Inbox(delivery => {
        if (delivery.attempt === 1 && delivery.record.offset === 0)
          delivery.settle({ kind: 'nack', delayMs: 60_000 })
        else delivery.settle({ kind: 'ack' })
      })
      await world.subscribe(connected, { group, topics: [topic] }, inbox)
      const values = valuesOf(20)
      const send = (some: readonly string[]) =>
        world.within('sending', transport.send(some.map(value => record(topic, value, { partition: 0 }))))
      await send(values.slice(0, 10))
      await world.until('the first arrived', () => inbox.deliveries.length >= 10)
      await send(values.slice(10))
      await world.until('everything arrived', () => inbox.deliveries.length >= 20)
      assert.deepEqual(inbox.values, values)
      assert.equal(await world.committed(transport, group, { topic, partition: 0 }), 0)
    },
  },
]
