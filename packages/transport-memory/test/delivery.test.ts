import type { Deliver, Delivery } from '@busbar/core'
import { memoryBroker } from '@busbar/transport-memory'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FakeRuntime } from './fake-runtime.js'
import { committed, connect, Inbox, record, rejects, subscribe, text } from './harness.js'

const t0 = { topic: 't', partition: 0 }

async function single(partitions = 1) {
  const runtime = new FakeRuntime()
  const broker = memoryBroker({ partitions })
  broker.createTopic('t')
  const service = await connect(runtime, { broker })
  const send = (...values: string[]) =>
    service.transport.send(values.map(value => record('t', value, { partition: 0, k: value.slice(0, 1) })))
  return { runtime, broker, service, send }
}

test('nothing is delivered inside send', async () => {
  const { runtime, service, send } = await single()
  const inbox = new Inbox()
  await subscribe(runtime, service, inbox)
  await send('a')
  await Promise.resolve()
  assert.equal(inbox.values, [])
  await runtime.settle()
  assert.equal(inbox.values, ['a'])
})

test('a record handed back comes again after its delay, successors of its key wait, other keys do not come again', async () => {
  const { runtime, broker, service, send } = await single()
  const inbox = new Inbox()
  await subscribe(runtime, service, inbox)
  await send('a1', 'b1', 'a2')
  await runtime.settle()
  inbox.get('a1').settle({ kind: 'nack', delayMs: 100 })
  inbox.get('a2').settle({ kind: 'nack' })
  inbox.ack('b1')
  await send('a3', 'b2')
  await runtime.advance(99)
  assert.equal(inbox.values, ['a1', 'b1', 'a2', 'b2'])
  assert.equal(committed(broker), [0])
  await runtime.advance(1)
  assert.equal(inbox.values.slice(4), ['a1', 'a2', 'a3'])
  assert.equal([inbox.get('a1').attempt, inbox.get('a2').attempt, inbox.get('a3').attempt], [2, 2, 1])
  inbox.ack('a1', 'a2', 'a3', 'b2')
  await runtime.advance(5)
  assert.equal(committed(broker), [5])
  assert.is(inbox.deliveries.length, 7)
})

test('at its limit a partition waits, alone, and goes on as soon as there is room', async () => {
  const { runtime, service, send } = await single(2)
  const inbox = new Inbox()
  await subscribe(runtime, service, inbox, { maxInFlight: 3 })
  await send('a', 'b', 'c', 'd', 'e')
  await service.transport.send([record('t', 'x', { partition: 1 })])
  await runtime.settle()
  assert.equal(inbox.values.sort(), ['a', 'b', 'c', 'x'])
  inbox.ack('b')
  await runtime.settle()
  assert.equal(inbox.values.sort(), ['a', 'b', 'c', 'd', 'x'])
  inbox.ack('c')
  await runtime.settle()
  assert.equal(inbox.values.sort(), ['a', 'b', 'c', 'd', 'e', 'x'])
})

test('a partition whose batch is not welcomed gets no further one; others do', async () => {
  const { runtime, service, send } = await single(2)
  const seen: string[] = []
  let welcome = () => {}
  const deliver: Deliver = batch => {
    seen.push(...batch.deliveries.map(({ record }) => text(record.value)))
    return batch.partition === 0 ? new Promise(resolve => (welcome = resolve)) : Promise.resolve()
  }
  const spec = { group: 'g', topics: ['t'], from: 'earliest', maxInFlight: 100 } as const
  await runtime.until(service.transport.subscribe(spec, deliver))
  await send('a')
  await runtime.settle()
  await send('b')
  await service.transport.send([record('t', 'x', { partition: 1 })])
  await runtime.settle()
  assert.equal(seen, ['a', 'x'])
  welcome()
  await runtime.settle()
  assert.equal(seen, ['a', 'x', 'b'])
})

test('a record that arrives while one that came again is not yet welcomed is not forgotten', async () => {
  const { runtime, service, send } = await single()
  const welcomes: (() => void)[] = []
  const deliveries: Delivery[] = []
  const deliver: Deliver = batch => {
    deliveries.push(...batch.deliveries)
    return new Promise(resolve => welcomes.push(resolve))
  }
  const spec = { group: 'g', topics: ['t'], from: 'earliest', maxInFlight: 100 } as const
  await runtime.until(service.transport.subscribe(spec, deliver))
  await send('a')
  await runtime.settle()
  welcomes[0]?.()
  await runtime.settle()
  deliveries[0]?.settle({ kind: 'nack' })
  await runtime.advance(0)
  await send('b')
  await runtime.settle()
  assert.is(deliveries.length, 2)
  welcomes[1]?.()
  await runtime.settle()
  assert.equal(
    deliveries.map(({ record }) => text(record.value)),
    ['a', 'a', 'b'],
  )
})

test('paused, nothing comes, not even what was handed back; resumed, all of it', async () => {
  const { runtime, broker, service, send } = await single(2)
  const inbox = new Inbox()
  const subscription = await subscribe(runtime, service, inbox)
  await send('a')
  await runtime.settle()
  inbox.get('a').settle({ kind: 'nack' })
  subscription.pause()
  await send('b')
  await runtime.advance(10)
  assert.equal(inbox.values, ['a'])
  broker.addPartitions('t', 3)
  await service.transport.send([record('t', 'x', { partition: 2 })])
  await runtime.settle()
  assert.equal(inbox.values, ['a'], 'a partition gained meanwhile is paused as well')
  subscription.resume()
  await runtime.settle()
  assert.equal(inbox.values.slice(1).sort(), ['a', 'b', 'x'])
})

test('seek continues elsewhere, revokes what is unfinished, and is committed', async () => {
  const { runtime, broker, service, send } = await single()
  const inbox = new Inbox({ acks: true })
  const subscription = await subscribe(runtime, service, inbox)
  await send('a', 'b', 'c')
  await runtime.advance(5)
  assert.equal(committed(broker), [3])
  inbox.acks = false
  await subscription.seek(t0, 1)
  await runtime.advance(5)
  assert.equal(inbox.values, ['a', 'b', 'c', 'b', 'c'])
  assert.equal(committed(broker), [1])
  const unfinished = inbox.get('b')
  await subscription.seek(t0, 'latest')
  assert.not.ok(unfinished.settle({ kind: 'ack' }))
  await runtime.advance(5)
  assert.equal(committed(broker), [3])
  await subscription.seek(t0, 'earliest')
  await runtime.settle()
  assert.equal(inbox.values.slice(5), ['a', 'b', 'c'])
})

test('seek refuses what this member does not hold; a position outside of the log is an event', async () => {
  const { runtime, service, send } = await single()
  const inbox = new Inbox()
  const subscription = await subscribe(runtime, service, inbox, {})
  await send('a')
  await runtime.settle()
  await rejects(subscription.seek({ topic: 't', partition: 9 }, 0), 'CONFIG_INVALID')
  await rejects(subscription.seek(t0, 0.5), 'CONFIG_INVALID')
  await subscription.seek(t0, 50)
  await runtime.settle()
  assert.equal(
    service.events.map(({ type }) => type),
    ['assigned', 'position-out-of-range'],
  )
  assert.equal(inbox.values, ['a', 'a'])
})

test('batches are bounded', async () => {
  const { runtime, service } = await single()
  const inbox = new Inbox({ acks: true })
  await service.transport.send(
    Array.from({ length: 1_200 }, (_, i) => record('t', String(i), { partition: 0 })),
  )
  await subscribe(runtime, service, inbox, { maxInFlight: 10_000 })
  assert.equal(
    inbox.batches.map(({ deliveries }) => deliveries.length),
    [500, 500, 200],
  )
})

test('a compacted log is consumed and committed over its gaps', async () => {
  const { runtime, broker, service, send } = await single()
  await send('a1', 'b1', 'a2', 'b2')
  broker.compact('t')
  const inbox = new Inbox({ acks: true })
  await subscribe(runtime, service, inbox)
  await runtime.advance(5)
  assert.equal(inbox.values, ['a2', 'b2'])
  assert.equal(committed(broker), [4])
})

test('commits wait for the commit interval', async () => {
  const { runtime, broker, send } = await single()
  const slow = await connect(runtime, { broker, commitIntervalMs: 50 })
  await send('a')
  await subscribe(runtime, slow, new Inbox({ acks: true }))
  await runtime.advance(49)
  assert.equal(committed(broker), [0])
  await runtime.advance(1)
  assert.equal(committed(broker), [1])
})

test('however much was finished, one timer waits to commit it, and none once the subscription is closed', async () => {
  const { runtime, service, send } = await single()
  const inbox = new Inbox()
  const subscription = await subscribe(runtime, service, inbox)
  await send('a', 'b', 'c')
  await runtime.settle()
  inbox.ack('a', 'b')
  assert.is(runtime.timers, 1)
  service.transport.crash()
  assert.is(runtime.timers, 1, 'that of the session only')
  await subscription[Symbol.asyncDispose]()
  await runtime.advance(5)
  assert.is(runtime.timers, 0)
})

test('two runs with equal runtimes are equal', async () => {
  const run = async () => {
    const runtime = new FakeRuntime(7)
    const broker = memoryBroker({ partitions: 4 })
    broker.createTopic('t')
    const seen: string[] = []
    const services = await Promise.all(
      ['a', 'b', 'c'].map(clientId => connect(runtime, { broker }, clientId)),
    )
    for (const [index, { transport }] of services.entries()) {
      const spec = { group: 'g', topics: ['t'], from: 'earliest', maxInFlight: 5 } as const
      void transport.subscribe(spec, async ({ deliveries, partition }) => {
        for (const delivery of deliveries) {
          const { record, attempt } = delivery
          seen.push(`${runtime.now()} ${index} ${partition} ${record.offset} ${attempt}`)
          delivery.settle(
            runtime.random() < 0.3 ? { kind: 'nack', delayMs: runtime.random() * 20 } : { kind: 'ack' },
          )
        }
      })
      for (let i = 0; i < 50; i += 1)
        await transport.send([record('t', String(i), { k: String(runtime.random()).slice(-1) })])
      await runtime.advance(runtime.random() * 10)
    }
    services[1]?.transport.crash()
    await runtime.advance(500)
    return { seen, positions: broker.positions('g') }
  }
  const [first, second] = [await run(), await run()]
  assert.equal(first, second)
  assert.equal(
    first.positions.map(({ lag }) => lag),
    [0, 0, 0, 0],
  )
  assert.ok(first.seen.length > 150)
})

test.run()
