import type { TransportEvent } from '@busbar/core'
import { memoryBroker } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FakeRuntime } from './fake-runtime.js'
import { committed, connect, Inbox, record, subscribe, text } from './harness.js'

const test = suite('transactions')

async function world(options: { sessionTimeoutMs?: number; maxRecordBytes?: number } = {}) {
  const runtime = new FakeRuntime()
  const broker = memoryBroker({ partitions: 1, ...options })
  for (const topic of ['t', 'out']) broker.createTopic(topic)
  const service = await connect(runtime, { broker })
  const inbox = new Inbox()
  const subscription = await subscribe(runtime, service, inbox, { transactional: true })
  const send = async (...values: string[]) => {
    await service.transport.send(values.map(value => record('t', value)))
    await runtime.settle()
  }
  const ack = (value: string, bytes = 0, by = inbox) =>
    by.get(value).settle({
      kind: 'ack',
      effects: { records: [record('out', value, { key: new Uint8Array(bytes) })] },
    })
  const outputs = () => broker.records('out').map(({ value }) => text(value))
  return { runtime, broker, service, inbox, subscription, send, ack, outputs }
}

const failuresOf = (events: readonly TransportEvent[]) =>
  events.flatMap(event => (event.type === 'transaction-failed' ? [event] : []))

test('a transaction waits for its interval, and no longer where as much is kept as is good', async () => {
  const { runtime, inbox, send, ack, outputs } = await world({ maxRecordBytes: 10_000_000 })
  await send('small', 'large')
  ack('small')
  await runtime.advance(4)
  assert.equal(outputs(), [])
  await runtime.advance(1)
  assert.equal(outputs(), ['small'])
  ack('large', 5_000_000)
  await runtime.advance(0)
  assert.equal(outputs(), ['small', 'large'])
  assert.is(inbox.batches.length, 1)
})

test('a transaction that failed begins anew after a delay that doubles, and at once again after one that did not', async () => {
  const { runtime, service, inbox, send, ack, outputs } = await world({ maxRecordBytes: 100 })
  await send('a', 'b')
  const values = () => inbox.deliveries.map(({ record: { value }, refused }) => [text(value), refused?.times])
  for (let failure = 1; failure <= 3; failure += 1) {
    ack('a')
    ack('b', 200)
    await runtime.advance(5)
    assert.is(inbox.deliveries.length, failure * 2)
    await runtime.advance(5 * 2 ** (failure - 1) - 1)
    assert.is(inbox.deliveries.length, failure * 2)
    await runtime.advance(1)
    assert.equal(values().slice(-2), [
      ['a', undefined],
      ['b', failure],
    ])
  }
  ack('a')
  ack('b')
  await runtime.advance(5)
  assert.equal(outputs(), ['a', 'b'])
  await send('c')
  ack('c', 200)
  await runtime.advance(10)
  assert.equal(
    failuresOf(service.events).map(({ failure, delayMs, error }) => [failure, delayMs, error.code]),
    [
      [1, 5, 'RECORD_TOO_LARGE'],
      [2, 10, 'RECORD_TOO_LARGE'],
      [3, 20, 'RECORD_TOO_LARGE'],
      [1, 5, 'RECORD_TOO_LARGE'],
    ],
  )
  assert.is(inbox.get('c').refused?.times, 1)
})

test('a partition that waits to begin anew can be left, moved and sought', async () => {
  for (const end of ['close', 'crash', 'rebalance', 'seek'] as const) {
    const { runtime, broker, service, inbox, subscription, send, ack } = await world({ maxRecordBytes: 100 })
    await send('a')
    ack('a', 200)
    await runtime.advance(5)
    const before = inbox.deliveries.length
    if (end === 'close') await subscription[Symbol.asyncDispose]()
    else if (end === 'crash') service.transport.crash()
    else if (end === 'rebalance') await runtime.until(broker.rebalance('g'))
    else await runtime.until(subscription.seek({ topic: 't', partition: 0 }, 0))
    await runtime.advance(100)
    assert.is(inbox.deliveries.length, end === 'close' || end === 'crash' ? before : before + 1, end)
    if (end === 'close') assert.is(service.events.at(-1)?.type, 'revoked')
    if (end === 'close' || end === 'crash') assert.is(runtime.timers, 0)
  }
})

test('seek commits what is finished with its effects, then the new position', async () => {
  const { runtime, broker, inbox, subscription, send, ack, outputs } = await world()
  await send('a', 'b', 'c')
  ack('a')
  await runtime.until(subscription.seek({ topic: 't', partition: 0 }, 2))
  assert.equal(outputs(), ['a'])
  await runtime.advance(5)
  assert.equal(committed(broker), [2])
  assert.equal(inbox.values, ['a', 'b', 'c', 'c'])
})

test('whoever stands still for less than its session goes on as if nothing had been', async () => {
  const { runtime, service, inbox, send, ack, outputs } = await world({ sessionTimeoutMs: 100 })
  await send('a')
  const thaw = service.transport.freeze()
  ack('a')
  await service.transport.send([record('t', 'b')])
  await runtime.advance(99)
  assert.equal([outputs(), inbox.values], [[], ['a']])
  thaw()
  await runtime.advance(10)
  assert.equal([outputs(), inbox.values], [['a'], ['a', 'b']])
  assert.equal(failuresOf(service.events), [])
})

test('whoever stands still for longer is fenced, says so, and joins anew', async () => {
  const { runtime, broker, service, inbox, send, ack, outputs } = await world({ sessionTimeoutMs: 100 })
  await send('a')
  const thaw = service.transport.freeze()
  const heir = new Inbox()
  const other = await connect(runtime, { broker })
  const joining = other.transport.subscribe(
    { group: 'g', topics: ['t'], from: 'earliest', maxInFlight: 10, transactional: true },
    heir.deliver,
  )
  await runtime.advance(100)
  await joining
  assert.equal(heir.values, ['a'])
  ack('a')
  thaw()
  await runtime.advance(10)
  assert.equal(outputs(), [])
  assert.not.ok(ack('a'))
  assert.equal(
    failuresOf(service.events).map(({ error }) => error.code),
    ['TRANSACTION_FAILED'],
  )
  ack('a', 0, heir)
  await other.transport[Symbol.asyncDispose]()
  await send('b')
  await runtime.advance(10)
  assert.equal(outputs(), ['a'])
  assert.equal(inbox.values, ['a', 'b'])
})

test('a commit of which only the answer is lost is not told, and nothing comes again', async () => {
  const runtime = new FakeRuntime()
  let isLost = true
  const broker = memoryBroker({ partitions: 1, onCommit: () => (isLost ? 'answer lost' : undefined) })
  for (const topic of ['t', 'out']) broker.createTopic(topic)
  const service = await connect(runtime, { broker })
  const inbox = new Inbox()
  await subscribe(runtime, service, inbox, { transactional: true })
  await service.transport.send([record('t', 'a'), record('t', 'b')])
  await runtime.settle()
  const told: unknown[] = []
  inbox.get('a').settle({
    kind: 'ack',
    effects: { records: [record('out', 'a')], onCommitted: positions => told.push(positions) },
  })
  await runtime.advance(5)
  isLost = false
  await runtime.advance(5)
  assert.equal([committed(broker), told], [[1], []])
  assert.equal(inbox.values, ['a', 'b', 'b'])
})

test.run()
