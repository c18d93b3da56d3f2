import { memoryBroker } from '@busbar/transport-memory'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ConsumerGroup, type GroupParticipant } from '../dist/consumer-group.js'
import { FakeRuntime } from './fake-runtime.js'
import { committed, connect, holdings, Inbox, record, rejects, subscribe } from './harness.js'

/** One topic with one partition and a service that sends to it. */
async function single(partitions = 1) {
  const runtime = new FakeRuntime()
  const broker = memoryBroker({ partitions })
  broker.createTopic('t')
  const service = await connect(runtime, { broker })
  const send = (...values: string[]) =>
    service.transport.send(values.map(value => record('t', value, { partition: 0 })))
  return { runtime, broker, service, send }
}

test('a new group at earliest gets what was stored before, in order', async () => {
  const { runtime, service, send, broker } = await single()
  await send('a', 'b')
  const inbox = new Inbox({ acks: true })
  await subscribe(runtime, service, inbox)
  assert.equal(inbox.values, ['a', 'b'])
  assert.equal(committed(broker), [0])
  await runtime.advance(5)
  assert.equal(broker.positions('g'), [{ topic: 't', partition: 0, committed: 2, end: 2, lag: 0 }])
})

test('a new group at latest commits its start before subscribe resolves, and misses nothing from then on', async () => {
  const { runtime, service, send, broker } = await single()
  await send('old')
  const first = await connect(runtime, { broker })
  await runtime.until(
    first.transport.subscribe({ group: 'g', topics: ['t'], from: 'latest', maxInFlight: 10 }, async () => {}),
  )
  assert.equal(committed(broker), [1])
  first.transport.crash()
  await send('while nobody runs')
  const inbox = new Inbox()
  await subscribe(runtime, service, inbox, { from: 'latest' })
  assert.equal(inbox.values, [])
  await runtime.advance(1)
  assert.equal(inbox.values, ['while nobody runs'])
})

test('partitions added later are read from their first record also by a group from latest', async () => {
  const { runtime, service, broker } = await single()
  const inbox = new Inbox({ acks: true })
  await subscribe(runtime, service, inbox, { from: 'latest' })
  broker.addPartitions('t', 2)
  await service.transport.send([record('t', 'in the new one', { partition: 1 })])
  await runtime.settle()
  assert.equal(inbox.values, ['in the new one'])
})

test('members share partitions; one more than there are partitions gets none, and subscribes all the same', async () => {
  const { runtime, broker } = await single(2)
  const services = await Promise.all([1, 2, 3].map(() => connect(runtime, { broker })))
  for (const service of services) await subscribe(runtime, service, new Inbox())
  assert.equal(holdings(broker), ['t/0', 't/1', ''])
  await services[0]?.transport[Symbol.asyncDispose]()
  await runtime.settle()
  assert.equal(holdings(broker), ['t/1', 't/0'])
})

test('a partition that stays keeps its session; one that moves is committed, aborted, and goes on from there', async () => {
  const { runtime, broker, service } = await single(2)
  const first = new Inbox()
  await subscribe(runtime, service, first)
  await service.transport.send(['a', 'b', 'c'].map(value => record('t', `${value}0`, { partition: 0 })))
  await service.transport.send(['a', 'b', 'c'].map(value => record('t', `${value}1`, { partition: 1 })))
  await runtime.settle()
  first.ack('a1', 'c1')
  const signals = first.batches.map(({ partition, signal }) => ({ partition, signal }))
  const other = await connect(runtime, { broker })
  const second = new Inbox()
  await subscribe(runtime, other, second)

  assert.equal(holdings(broker), ['t/0', 't/1'])
  assert.equal(
    signals.map(({ partition, signal }) => [partition, signal.aborted]),
    [
      [0, false],
      [1, true],
    ],
  )
  assert.not.ok(first.get('b1').settle({ kind: 'ack' }), 'a moved partition takes no settlement')
  assert.equal(second.values, ['b1', 'c1'])
  first.ack('a0', 'b0', 'c0')
  await runtime.advance(5)
  assert.equal(committed(broker), [3, 1])
  assert.equal(
    first.values.filter(value => value.endsWith('0')),
    ['a0', 'b0', 'c0'],
    'a kept partition is not redelivered',
  )
  assert.equal(
    service.events.map(({ type }) => type),
    ['assigned', 'revoked'],
  )
})

test('closing a subscription commits the finished prefix and hands the rest on', async () => {
  const { runtime, broker, service, send } = await single()
  const first = new Inbox()
  const subscription = await subscribe(runtime, service, first)
  const second = new Inbox()
  await subscribe(runtime, await connect(runtime, { broker }), second)
  await send('a', 'b', 'c')
  await runtime.settle()
  first.ack('a', 'c')
  await subscription[Symbol.asyncDispose]()
  await subscription[Symbol.asyncDispose]()
  await subscription.closed
  assert.equal(committed(broker), [1])
  await runtime.settle()
  assert.equal(second.values, ['b', 'c'])
  await rejects(subscription.seek({ topic: 't', partition: 0 }, 0), 'BUS_CLOSED')
  await rejects(subscription.setTopics(['t']), 'BUS_CLOSED')
})

test('after a crash its partitions come again from the committed position', async () => {
  const { runtime, broker, service, send } = await single()
  const first = new Inbox()
  const crashing = await connect(runtime, { broker, commitIntervalMs: 10 })
  const subscription = await subscribe(runtime, crashing, first)
  await send('a', 'b', 'c')
  await runtime.settle()
  first.ack('a')
  await runtime.advance(10)
  first.ack('b')
  crashing.transport.crash()
  assert.not.ok(first.get('c').settle({ kind: 'ack' }))
  await rejects(subscription.closed, 'CONSUMER_CRASHED')
  await rejects(crashing.transport.send([record('t', 'x')]), 'BUS_CLOSED')

  const second = new Inbox()
  await subscribe(runtime, service, second)
  await runtime.advance(20)
  assert.equal(second.values, ['b', 'c'], 'b was finished, but not committed')
  assert.is(second.get('b').attempt, 1)
})

test('a group waits for a crashed member as long as its session lasts', async () => {
  const runtime = new FakeRuntime()
  const broker = memoryBroker({ partitions: 1, sessionTimeoutMs: 1_000 })
  broker.createTopic('t')
  const crashing = await connect(runtime, { broker })
  await subscribe(runtime, crashing, new Inbox())
  crashing.transport.crash()
  const inbox = new Inbox()
  const service = await connect(runtime, { broker })
  await subscribe(runtime, service, inbox)
  await service.transport.send([record('t', 'a')])
  await runtime.advance(999)
  assert.equal(inbox.values, [])
  await runtime.advance(1)
  assert.equal(inbox.values, ['a'])
})

test('commits are fenced by membership, generation and ownership', async () => {
  const runtime = new FakeRuntime()
  const broker = memoryBroker({ partitions: 2 })
  broker.createTopic('t')
  const group = new ConsumerGroup('g', name => broker.topic(name))
  const generations = new Map<string, number>()
  const member = (id: string): GroupParticipant => ({
    id,
    clientId: id,
    runtime,
    topics: ['t'],
    from: 'earliest',
    revoke: () => {},
    assign: generation => void generations.set(id, generation),
  })
  await runtime.until(group.join(member('a')))
  await runtime.until(group.join(member('b')))
  const [p0, p1] = [0, 1].map(partition => ({ topic: 't', partition, position: 7 }))
  assert.ok(p0 && p1)
  assert.equal([generations.get('a'), generations.get('b')], [2, 2])
  assert.not.ok(group.commit('a', 1, [p0]), 'an old generation')
  assert.not.ok(group.commit('a', 2, [p1]), "another member's partition")
  assert.not.ok(group.commit('a', 2, [p0, p1]), 'all or nothing')
  assert.not.ok(group.commit('nobody', 2, [p0]))
  assert.equal(
    group.positions().map(position => position.committed),
    [0, 0],
  )
  assert.ok(group.commit('a', 2, [p0]))
  group.leave('a')
  assert.not.ok(group.commit('a', 2, [p0]), 'after leaving')
  assert.equal(
    group.positions().map(position => position.committed),
    [7, 0],
  )
})

test('joins of one turn share a rebalance', async () => {
  const { runtime, broker } = await single(3)
  const services = await Promise.all([1, 2, 3].map(() => connect(runtime, { broker })))
  await Promise.all(services.map(service => subscribe(runtime, service, new Inbox())))
  assert.is(broker.describeGroup('g').generation, 1)
  assert.equal(holdings(broker), ['t/0', 't/1', 't/2'])
})

test('a member that leaves from within its own revocation gets nothing, and the others get everything', async () => {
  const { runtime, broker, service, send } = await single(2)
  const inbox = new Inbox()
  const subscription = await subscribe(runtime, service, inbox)
  await send('a')
  await service.transport.send([record('t', 'b', { partition: 1 })])
  await runtime.settle()
  for (const { signal } of inbox.batches) {
    signal.addEventListener('abort', () => void subscription[Symbol.asyncDispose]())
  }
  await subscribe(runtime, await connect(runtime, { broker }), new Inbox())
  assert.equal(holdings(broker), ['t/0 t/1'])
})

test('a committed position that the log has not, any more or yet, is an event and goes on at the start', async () => {
  for (const position of [1, 99]) {
    const { runtime, broker, service, send } = await single()
    await send('a', 'b', 'c')
    broker.resetPosition('g', { topic: 't', partition: 0, position })
    broker.trim({ topic: 't', partition: 0 }, 2)
    const inbox = new Inbox()
    await subscribe(runtime, service, inbox)
    const event = service.events.find(({ type }) => type === 'position-out-of-range')
    assert.ok(event?.type === 'position-out-of-range')
    assert.equal([event.position, event.resetTo, event.error.code], [position, 2, 'POSITION_OUT_OF_RANGE'])
    assert.equal(inbox.values, ['c'])
    await runtime.advance(5)
    assert.equal(committed(broker), [2])
  }
})

test('a member that retention overtakes is told, and goes on', async () => {
  const { runtime, broker, service, send } = await single()
  const inbox = new Inbox()
  await subscribe(runtime, service, inbox, { maxInFlight: 2 })
  await send('a', 'b', 'c', 'd')
  await runtime.settle()
  broker.trim({ topic: 't', partition: 0 }, 3)
  inbox.ack('a')
  await runtime.settle()
  assert.equal(inbox.values, ['a', 'b', 'd'])
  const lost = service.events.flatMap(event =>
    event.type === 'position-out-of-range' ? [[event.position, event.resetTo]] : [],
  )
  assert.equal(lost, [[2, 3]])
  inbox.ack('b', 'd')
  broker.trim({ topic: 't', partition: 0 }, 4)
  await send('e')
  broker.trim({ topic: 't', partition: 0 }, 5)
  await runtime.advance(5)
  assert.equal(broker.positions('g'), [{ topic: 't', partition: 0, committed: 5, end: 5, lag: 0 }])
})

test('what grew too old while its member was busy is gone, and said to be', async () => {
  const { runtime, broker, service } = await single()
  broker.createTopic('short', { config: { 'retention.ms': '100' } })
  const inbox = new Inbox()
  await subscribe(runtime, service, inbox, { topics: ['short'], maxInFlight: 1 })
  await service.transport.send(['a', 'b'].map(value => record('short', value)))
  await runtime.advance(101)
  inbox.ack('a')
  await runtime.advance(5)
  assert.equal(inbox.values, ['a'])
  assert.equal(
    service.events.map(({ type }) => type),
    ['assigned', 'position-out-of-range'],
  )
  assert.equal(committed(broker), [2])
})

test('positions cannot be reset under running members', async () => {
  const { runtime, broker, service } = await single()
  await subscribe(runtime, service, new Inbox())
  assert.throws(
    () => broker.resetPosition('g', { topic: 't', partition: 0, position: 0 }),
    /while it has members/,
  )
})

test('changed topics rejoin: old ones are committed and given up, kept ones go on', async () => {
  const { runtime, broker, service, send } = await single()
  broker.createTopic('u')
  const inbox = new Inbox()
  const subscription = await subscribe(runtime, service, inbox)
  await send('a', 'b')
  await service.transport.send([record('u', 'c')])
  await runtime.settle()
  inbox.ack('a')
  await runtime.until(subscription.setTopics(['t', 'u']))
  await runtime.settle()
  assert.equal(inbox.values, ['a', 'b', 'c'])
  await runtime.until(subscription.setTopics(['u']))
  assert.equal(holdings(broker), ['u/0'])
  assert.equal(committed(broker), [1, 0])
  await rejects(subscription.setTopics(['nowhere']), 'TOPIC_MISSING')
})

test('members with different topics get partitions of their own topics only', async () => {
  const { runtime, broker } = await single(2)
  broker.createTopic('u')
  const [old, young] = [await connect(runtime, { broker }), await connect(runtime, { broker })]
  await subscribe(runtime, old, new Inbox(), { topics: ['t'] })
  await subscribe(runtime, young, new Inbox(), { topics: ['t', 'u'] })
  const [first = '', second = ''] = holdings(broker)
  assert.equal([first, second.split(' ').sort()], ['t/0', ['t/1', 'u/0', 'u/1']])
})

test.run()
