import type { InboundRecord, ReadSpec } from '@busbar/core'
import { memoryBroker } from '@busbar/transport-memory'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FakeRuntime } from './fake-runtime.js'
import { connect, record, rejects, text } from './harness.js'

async function topic(partitions = 1) {
  const runtime = new FakeRuntime()
  const broker = memoryBroker({ partitions })
  broker.createTopic('t')
  const { transport } = await connect(runtime, { broker })
  const send = (value: string, partition = 0) => transport.send([record('t', value, { partition })])
  const seen: string[] = []
  const receive = (records: readonly InboundRecord[]) =>
    void seen.push(...records.map(({ value }) => text(value)))
  const read = async (spec: Omit<ReadSpec, 'topic'>) => {
    const reader = await transport.read({ topic: 't', ...spec }, receive)
    await runtime.settle()
    return reader
  }
  return { runtime, broker, transport, send, seen, read, receive }
}

test('from earliest it gets everything, also what comes later', async () => {
  const { runtime, send, seen, read } = await topic()
  await send('a')
  await read({ from: 'earliest' })
  await send('b')
  await runtime.settle()
  assert.equal(seen, ['a', 'b'])
})

test('from latest it gets what is sent once it resolved', async () => {
  const { runtime, transport, send, seen, receive } = await topic()
  await send('a')
  await transport.read({ topic: 't', from: 'latest' }, receive)
  await send('b')
  await runtime.settle()
  assert.equal(seen, ['b'])
})

test('from a position, which has to be in the log', async () => {
  const { broker, send, seen, read } = await topic()
  for (const value of ['a', 'b', 'c']) await send(value)
  broker.trim({ topic: 't', partition: 0 }, 1)
  await read({ from: 2 })
  assert.equal(seen, ['c'])
  await rejects(read({ from: 0 }), 'POSITION_OUT_OF_RANGE')
  await rejects(read({ from: 4 }), 'POSITION_OUT_OF_RANGE')
  await read({ from: 3 })
})

test('until the end it stops at what was stored, whatever comes meanwhile', async () => {
  const { runtime, transport, send, seen, receive } = await topic(2)
  await send('a', 0)
  await send('b', 1)
  await send('c', 1)
  const reader = await transport.read({ topic: 't', from: 'earliest', until: 'end' }, receive)
  await send('late', 0)
  await send('later', 1)
  await runtime.until(reader.closed)
  await send('last', 0)
  await runtime.settle()
  assert.equal(seen, ['a', 'b', 'c'])
})

test('until the end closes only when every partition is there', async () => {
  const { runtime, transport, send } = await topic(2)
  await send('a', 0)
  await send('b', 1)
  let isClosed = false
  let welcome = () => {}
  const slow = (records: readonly InboundRecord[]) =>
    records[0]?.partition === 1 ? new Promise<void>(resolve => (welcome = resolve)) : undefined
  const reader = await transport.read({ topic: 't', from: 'earliest', until: 'end' }, slow)
  void reader.closed.then(() => (isClosed = true))
  await runtime.settle()
  for (const value of ['c', 'd']) {
    await send(value, 0)
    await runtime.settle()
  }
  assert.not.ok(isClosed)
  welcome()
  await runtime.settle()
  assert.ok(isClosed)
})

test('until the end of an empty topic, or of one compacted away, closes', async () => {
  const { runtime, broker, transport, read, seen } = await topic()
  await runtime.until((await read({ from: 'earliest', until: 'end' })).closed)
  for (const value of ['1', '2']) await transport.send([record('t', value, { k: 'a' })])
  broker.compact('t')
  broker.trim({ topic: 't', partition: 0 }, 2)
  await runtime.until((await read({ from: 'earliest', until: 'end' })).closed)
  assert.equal(seen, [])
})

test('given partitions only, each once, and they have to be there', async () => {
  const { runtime, send, seen, read } = await topic(3)
  await read({ from: 'earliest', partitions: [1, 1] })
  for (const partition of [0, 1, 2]) await send(String(partition), partition)
  await runtime.settle()
  assert.equal(seen, ['1'])
  await rejects(read({ from: 'earliest', partitions: [3] }), 'TOPIC_MISSING')
})

test('all partitions includes those added later, from their first record', async () => {
  const { runtime, broker, send, seen, read } = await topic()
  await read({ from: 'latest' })
  broker.addPartitions('t', 2)
  broker.addPartitions('t', 3)
  await send('a', 1)
  await send('b', 2)
  await runtime.settle()
  assert.equal(seen, ['a', 'b'])
})

test('a partition goes on once receive resolves, others meanwhile', async () => {
  const { runtime, transport, send } = await topic(2)
  const seen: string[] = []
  let welcome = () => {}
  await transport.read({ topic: 't', from: 'earliest' }, records => {
    seen.push(...records.map(({ value }) => text(value)))
    return records[0]?.partition === 0 ? new Promise<void>(resolve => (welcome = resolve)) : undefined
  })
  await send('a', 0)
  await runtime.settle()
  await send('b', 0)
  await send('x', 1)
  await runtime.settle()
  assert.equal(seen, ['a', 'x'])
  welcome()
  await runtime.settle()
  assert.equal(seen, ['a', 'x', 'b'])
})

test('disposal ends it; a log trimmed past it, or a receive that throws, is the reason it closed with', async () => {
  const { runtime, broker, transport, send, seen, read } = await topic()
  const disposed = await read({ from: 'earliest' })
  await disposed[Symbol.asyncDispose]()
  await disposed.closed
  await send('a')
  await runtime.settle()
  assert.equal(seen, [])

  const outrun = await transport.read({ topic: 't', from: 'earliest' }, () => {})
  broker.trim({ topic: 't', partition: 0 }, 1)
  await runtime.settle()
  await rejects(outrun.closed, 'POSITION_OUT_OF_RANGE')

  const throwing = await transport.read({ topic: 't', from: 'earliest' }, () => {
    throw new Error('no')
  })
  await send('b')
  await runtime.settle()
  await rejects(throwing.closed, 'INTERNAL')
})

test('closing the transport closes its readers', async () => {
  const { transport, read } = await topic()
  const reader = await read({ from: 'earliest' })
  await transport[Symbol.asyncDispose]()
  await reader.closed
})

test.run()
