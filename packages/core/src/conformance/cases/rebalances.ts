import assert from 'node:assert/strict'
import { systemRuntime } from '../../runtime.js'
import type { TopicPartition, TransportSubscription } from '../../transport.js'
import type { ConformanceCase } from '../conformance-case.js'
import { acknowledge, hold, Inbox, record, recordsOf, text, valuesOf } from '../inbox.js'
import { PositionWatch } from '../position-watch.js'

const labelOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`

/** Members that come, go and die in mid-stream: nothing lost, order within an ownership, positions that only grow. */
export const rebalanceCases: readonly ConformanceCase[] = [
  {
    name: 'members join and leave in mid-stream',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 6 })
      const group = world.name('group')
      const finished = new Set<string>()
      const lastOf = new Map<AbortSignal, number>()
      const watch = new PositionWatch(transport, group)
      const problems: string[] = []
      const join = async (): Promise<TransportSubscription> => {
        const inbox = new Inbox((delivery, { signal }) => {
          const { partition, offset, value } = delivery.record
          const last = lastOf.get(signal) ?? -1
          if (offset <= last) problems.push(`${partition}@${offset} came after ${last} in one ownership`)
          lastOf.set(signal, offset)
          systemRuntime.setTimer(systemRuntime.random() * 4, () => {
            if (!delivery.settle({ kind: 'ack' })) return
            finished.add(text(value))
            watch.finished(delivery.record)
          })
        })
        return world.subscribe(await world.transport(), { group, topics: [topic], maxInFlight: 50 }, inbox)
      }
      const values: string[] = []
      const send = async (count: number) => {
        const batch = valuesOf(count, '', values.length)
        values.push(...batch)
        await world.within(
          'sending',
          transport.send(batch.map(value => record(topic, value, { key: `key-${Number(value) % 60}` }))),
        )
      }
      await send(200)
      const members = [await join()]
      await watch.during(async () => {
        for (const change of ['join', 'join', 'leave', 'join', 'leave'] as const) {
          const enough = finished.size + 60
          await send(200)
          await world.until(
            'the stream goes on',
            () => finished.size >= enough,
            () => finished.size,
          )
          if (change === 'join') members.push(await join())
          else await world.within('leaving', members.shift()?.[Symbol.asyncDispose]() ?? Promise.resolve())
        }
        await send(200)
        await world.until(
          'everything was finished',
          () => finished.size === values.length,
          () => finished.size,
        )
        await world.untilCaughtUp(transport, group, topic)
      })
      assert.deepEqual(problems, [])
    },
  },
  {
    name: 'a rebalance takes nothing that is held: the heir gets it, the old holder cannot settle it',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 2 })
      const group = world.name('group')
      const old = new Inbox(hold)
      await world.subscribe(connected, { group, topics: [topic] }, old)
      await world.within('sending', transport.send([...recordsOf(topic, 0, 5), ...recordsOf(topic, 1, 5)]))
      await world.until('everything arrived', () => old.deliveries.length === 10)
      const held = old.deliveries.filter(({ record: { offset } }) => offset >= 2)
      for (const delivery of old.deliveries) if (delivery.record.offset < 2) delivery.settle({ kind: 'ack' })
      const heir = new Inbox(acknowledge)
      await world.subscribe(await world.transport(), { group, topics: [topic] }, heir)
      await world.until('a partition moved', () => heir.deliveries.length >= 3)
      const [moved] = heir.batches
      assert(moved)
      assert.deepEqual(heir.values, valuesOf(3, '', 2), 'the heir did not go on at the finished prefix')
      for (const delivery of held.filter(({ record: { partition } }) => partition === moved.partition)) {
        assert.equal(delivery.settle({ kind: 'ack' }), false, 'a member settled what it does not hold')
      }
      assert.equal(old.batches.find(batch => labelOf(batch) === labelOf(moved))?.signal.aborted, true)
    },
  },
  {
    name: 'events tell which partitions were assigned and revoked',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const topic = await world.topic(connected, { partitions: 2 })
      const group = world.name('group')
      const other = await world.transport()
      await world.subscribe(connected, { group, topics: [topic] }, new Inbox(acknowledge))
      const holdings = ({ events }: typeof connected) => {
        const held = new Set<string>()
        for (const event of events) {
          if (event.type === 'assigned') for (const each of event.partitions) held.add(labelOf(each))
          if (event.type === 'revoked') for (const each of event.partitions) held.delete(labelOf(each))
        }
        return [...held].sort()
      }
      const all = [`${topic}/0`, `${topic}/1`]
      await world.until('the first member holds all', () => holdings(connected).join() === all.join())
      const second = await world.subscribe(other, { group, topics: [topic] }, new Inbox(acknowledge))
      await world.until(
        'they share',
        () =>
          holdings(connected).length === 1 &&
          [...holdings(connected), ...holdings(other)].sort().join() === all.join(),
        () => [holdings(connected), holdings(other)],
      )
      await world.within('leaving', second[Symbol.asyncDispose]())
      await world.until('the first member holds all again', () => holdings(connected).join() === all.join())
      assert.deepEqual(holdings(other), [])
    },
  },
  {
    name: 'disposing of a transport leaves its groups',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const topic = await world.topic(connected, { partitions: 1 })
      const group = world.name('group')
      const leaving = await world.transport()
      const first = new Inbox(hold)
      const subscription = await world.subscribe(leaving, { group, topics: [topic] }, first)
      await world.within('sending', connected.transport.send(recordsOf(topic, 0, 5)))
      await world.until('everything arrived', () => first.deliveries.length === 5)
      for (const value of ['0', '1', '3']) first.get(value).settle({ kind: 'ack' })
      await world.dispose(leaving.transport)
      await world.within('closed', subscription.closed)
      assert.equal(first.signalOf({ topic, partition: 0 }).aborted, true)
      assert.equal(first.get('2').settle({ kind: 'ack' }), false)
      const next = new Inbox(acknowledge)
      await world.subscribe(connected, { group, topics: [topic] }, next)
      await world.until('the next member got the rest', () => next.deliveries.length >= 3)
      assert.deepEqual(next.values, valuesOf(3, '', 2))
    },
  },
  {
    name: 'a crash: what was not finished comes to the next member',
    requires: ['crash'],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const topic = await world.topic(connected, { partitions: 1 })
      const group = world.name('group')
      const doomed = await world.transport()
      const first = new Inbox(hold)
      const subscription = await world.subscribe(doomed, { group, topics: [topic] }, first)
      subscription.closed.catch(() => {})
      await world.within('sending', transport.send(recordsOf(topic, 0, 20)))
      await world.until('everything arrived', () => first.deliveries.length === 20)
      for (const value of ['0', '1', '2', '4', '5']) first.get(value).settle({ kind: 'ack' })
      const place = { topic, partition: 0 }
      await world.until(
        'the prefix is committed',
        async () => (await world.committed(transport, group, place)) === 3,
      )
      await world.crash(doomed.transport)
      const next = new Inbox(acknowledge)
      await world.subscribe(connected, { group, topics: [topic] }, next)
      await world.until(
        'the next member got the rest',
        () => next.deliveries.length >= 17,
        () => ({ received: next.values, events: connected.events }),
      )
      // Also 4 and 5: their acknowledgements were past an unfinished record, and died with their member.
      assert.deepEqual(next.values, valuesOf(17, '', 3))
      assert.equal(next.get('3').attempt, 1)
      await world.untilCaughtUp(transport, group, topic)
    },
  },
  {
    name: 'members of one group may want different topics',
    requires: [],
    async run(world) {
      const connected = await world.transport()
      const { transport } = connected
      const [one, other] = [await world.topic(connected), await world.topic(connected)]
      const group = world.name('group')
      const [ofOne, ofOther] = [new Inbox(acknowledge), new Inbox(acknowledge)]
      await world.subscribe(connected, { group, topics: [one] }, ofOne)
      await world.subscribe(await world.transport(), { group, topics: [other] }, ofOther)
      const all = [0, 1, 2].flatMap(partition => [
        ...recordsOf(one, partition, 4, 'one'),
        ...recordsOf(other, partition, 4, 'other'),
      ])
      await world.within('sending', transport.send(all))
      await world.until(
        'everything arrived',
        () => ofOne.deliveries.length + ofOther.deliveries.length >= all.length,
      )
      assert.equal(
        ofOne.deliveries.every(each => each.record.topic === one),
        true,
        'a member got a topic that it did not ask for',
      )
      assert.equal(
        ofOther.deliveries.every(each => each.record.topic === other),
        true,
        'a member got a topic that it did not ask for',
      )
      assert.deepEqual([ofOne.deliveries.length, ofOther.deliveries.length], [12, 12])
    },
  },
]
