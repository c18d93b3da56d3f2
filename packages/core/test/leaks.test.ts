import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BusbarError, defineEvent, silentLogger } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openBroadcast } from '../dist/broadcast.js'
import { Codecs } from '../dist/codecs.js'
import { Fifo } from '../dist/fifo.js'
import { OwnTopics } from '../dist/own-topic.js'
import type { Publisher } from '../dist/publish.js'
import { ReplyInbox } from '../dist/reply-inbox.js'
import { Requester } from '../dist/requester.js'
import { untilAborted } from '../dist/runner.js'
import { BoundSubscription } from '../dist/subscription.js'
import { arrival, slotOf } from './support/arrival.js'
import { deferred, rejects } from './support/assertions.js'
import { testBus } from './support/bus.js'
import { countedSignal } from './support/counted-signal.js'
import { bytes, delivery } from './support/deliveries.js'
import { FakeRuntime, settle } from './support/fake-runtime.js'
import { GetUser, withBuses } from './support/requests.js'

const test = suite('what is left behind')

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test('a queue that is never empty holds on to nothing that was taken from it', async () => {
  const queue = new Fifo<object>()
  const taken = (() => {
    queue.push({})
    queue.push({})
    return new WeakRef(queue.shift() as object)
  })()
  await deadline(5_000, 'collection', async () => {
    await settle()
    collectGarbage()
    assert.is(taken.deref(), undefined)
  })
  assert.is(queue.length, 1)
})

test('a queue keeps its order however pushes and shifts are mixed', () => {
  const queue = new Fifo<number>()
  const model: number[] = []
  for (let n = 0; n < 20_000; n++) {
    if (n % 3 === 2 || n > 12_000) assert.is(queue.shift(), model.shift())
    else {
      queue.push(n)
      model.push(n)
    }
    assert.is(queue.length, model.length)
  }
  assert.is(queue.shift(), undefined)
})

test('work that fails after nobody waits for it any more does not end the process', async () => {
  await deadline(1_000, 'the end', untilAborted(Promise.reject(new Error('late')), AbortSignal.abort()))
  const { promise, reject } = deferred()
  const aborter = new AbortController()
  const waiting = untilAborted(promise, aborter.signal)
  aborter.abort()
  await deadline(1_000, 'the end', waiting)
  reject(new Error('later'))
  await settle()
})

test('a delivery leaves no listener on the signals of its partition, whatever becomes of it', async () => {
  const Thing = defineEvent<number>('thing')
  const { signal, count } = countedSignal()
  let during = 0
  const subscription = new BoundSubscription({
    name: 's',
    group: 'g',
    contract: Thing,
    codecs: new Codecs(undefined),
    logger: silentLogger,
    runtime: new FakeRuntime(),
    forward: () => Promise.resolve(),
    ensureOwnTopic: () => Promise.resolve(),
    middleware: () => [],
    handle: context => {
      assert.not.ok(context.signal.aborted)
      during = count()
      if (context.payload === 2) throw new Error('two')
    },
  })
  for (const n of [1, 2]) {
    const { record, ...rest } = delivery(n)
    const run = subscription.run(
      { ...rest, record: { ...record, value: bytes(String(n)) } },
      arrival(slotOf(signal)),
    )
    await deadline(1_000, 'the delivery', run).catch(() => {})
    assert.equal([during, count()], [1, 0])
  }
})

test('a request leaves no listener on its signal and nothing in the inbox', async () => {
  const { bus } = testBus()
  const { signal, count } = countedSignal()
  bus.reply(GetUser, ({ id }) => {
    if (id === 'bad') throw new Error('bad')
    return { name: id }
  })
  await withBuses([bus], async () => {
    await bus.request(GetUser, { id: '7' }, { signal })
    await rejects(bus.request(GetUser, { id: 'bad' }, { signal }), 'REMOTE_FAILED')
    await rejects(bus.request(GetUser, { id: 7 as unknown as string }, { signal }), 'PAYLOAD_INVALID')
    assert.is(count(), 0)
  })
})

test('an inbox forgets whoever stopped waiting', () => {
  const options = { topic: 'r', runtime: new FakeRuntime(), logger: silentLogger }
  const transport = memoryTransport()
  const inbox = new ReplyInbox({ ...options, transport, ownTopics: new OwnTopics(transport, true) })
  const forget = inbox.expect('one', () => {})
  inbox.expect('two', () => {})
  assert.is(inbox.pending, 2)
  forget()
  assert.is(inbox.pending, 1)
})

test('a requester forgets a call that was answered, aborted or out of time', async () => {
  const runtime = new FakeRuntime()
  const broker = memoryBroker({ partitions: 1 })
  const transport = memoryTransport({ broker })
  await transport.connect({ clientId: 'c', logger: silentLogger, runtime, onEvent: () => {} })
  const inbox = new ReplyInbox({
    topic: 'r',
    ownTopics: new OwnTopics(transport, true),
    runtime,
    logger: silentLogger,
    transport,
  })
  const publisher = { publish: async () => {} } as unknown as Publisher
  const codecs = new Codecs(undefined)
  const options = {
    publisher,
    inbox,
    codecs,
    runtime,
    gate: () => undefined,
    middleware: () => [],
    timeoutMs: 50,
    maxPending: 9,
  }
  const requester = new Requester(options)
  const aborter = new AbortController()
  await deadline(5_000, 'requests', async () => {
    const calls = [
      rejects(requester.request(GetUser, {}, { signal: aborter.signal }), 'ABORTED'),
      rejects(requester.request(GetUser, {}, {}), 'REQUEST_TIMEOUT'),
    ]
    await settle()
    assert.is(inbox.pending, 2)
    aborter.abort()
    await runtime.advance(50)
    await Promise.all(calls)
    assert.equal([inbox.pending, runtime.pending], [0, 0])
    requester.close(new BusbarError('BUS_CLOSED', 'closed'))
    await rejects(requester.request(GetUser, {}, {}), 'BUS_CLOSED')
    await transport[Symbol.asyncDispose]()
  })
})

test('a broadcast that could not read one of its topics leaves no reader of another', async () => {
  const broker = memoryBroker({ partitions: 1 })
  broker.createTopic('fine')
  const transport = memoryTransport({ broker })
  const runtime = new FakeRuntime()
  await transport.connect({ clientId: 'c', logger: silentLogger, runtime, onEvent: () => {} })
  let delivered = 0
  const deliver = async () => void delivered++
  await deadline(5_000, 'broadcast', async () => {
    await rejects(
      openBroadcast({ transport, runtime, logger: silentLogger, maxInFlight: 9, deliver }, [
        'fine',
        'missing',
      ]),
      'TOPIC_MISSING',
    )
    await transport.send([{ topic: 'fine', key: null, value: null, headers: {}, timestampMs: runtime.now() }])
    await settle()
    assert.is(delivered, 0)
    await transport[Symbol.asyncDispose]()
  })
})

test('a subscription made while the bus connects waits for that, also through a start that fails', async () => {
  const gate = deferred()
  const transport = memoryTransport({ broker: memoryBroker({ partitions: 1 }) })
  const connect = transport.connect.bind(transport)
  let tries = 0
  transport.connect = async options => {
    await gate.promise
    if (tries++ === 0) throw new BusbarError('CONNECTION_FAILED', 'not yet')
    await connect(options)
  }
  const { bus, lines } = testBus({ transport })
  const got: number[] = []
  const Thing = defineEvent<number>('thing')
  await deadline(5_000, 'start', async () => {
    const failing = rejects(bus.start(), 'CONNECTION_FAILED')
    const subscription = bus.subscribe(Thing, n => got.push(n))
    await settle()
    gate.resolve()
    await failing
    await bus.start()
    await subscription.ready
    await bus.publish(Thing, 1)
    await eventually(() => assert.equal(got, [1]))
    assert.equal(
      lines.filter(line => line.level === 'error'),
      [],
    )
    await bus.close()
  })
})

test('settings that a later contract adds to a topic that is known are verified too', async () => {
  const { bus, broker } = testBus()
  broker.createTopic('shared', { partitions: 1 })
  await deadline(5_000, 'topics', async () => {
    await bus.start()
    await bus.publish(defineEvent<number>('one', { topic: 'shared' }), 1)
    await settle()
    const two = defineEvent<number>('two', { topic: { name: 'shared', partitions: 5 } })
    await rejects(bus.subscribe(two, () => {}).ready, 'TOPIC_MISMATCH')
    await bus.close()
  })
})

test.run()
