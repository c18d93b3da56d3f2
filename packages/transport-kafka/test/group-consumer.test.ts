import { setTimeout as sleep } from 'node:timers/promises'
import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connected, publish, Received, refusalOf, textOf, texts } from './support/test-transport.js'

const kafka = await kafkaForTests()
const test = suite('consuming in a group')

const subscribed = async (
  { transport }: Awaited<ReturnType<typeof connected>>,
  spec: { group: string; topics: string[]; from?: 'earliest' | 'latest'; maxInFlight?: number },
  received: Received,
  hold?: Parameters<Received['deliver']>[0],
) =>
  deadline(
    10_000,
    'subscribing',
    transport.subscribe({ from: 'earliest', maxInFlight: 1_000, ...spec }, received.deliver(hold)),
  )

const newTopic = async (
  { transport }: Awaited<ReturnType<typeof connected>>,
  partitions: number,
): Promise<string> => {
  const name = uniqueName('consume')
  await transport.ensureTopics([{ name, create: true, partitions }])
  return name
}

const count = (received: Received, wanted: number) =>
  eventually(() => assert.is(received.deliveries.length, wanted), { timeoutMs: 10_000 })

if (kafka) {
  const open = (options = {}) => connected({ brokers: kafka.brokers, ...options })

  test('joins and leaves in well under a second', async () => {
    await using bus = await open()
    const topic = await newTopic(bus, 3)
    const group = uniqueName('group')
    const times: number[] = []
    for (let i = 0; i < 3; i++) {
      const start = performance.now()
      const subscription = await subscribed(bus, { group, topics: [topic] }, new Received())
      const joined = performance.now()
      await subscription[Symbol.asyncDispose]()
      await subscription.closed
      if (i > 0) times.push(joined - start, performance.now() - joined)
    }
    assert.ok(Math.max(...times) < 700, `took ${times.map(Math.round).join(', ')} ms`)
  })

  test('commits the finished prefix only, in the order of the log', async () => {
    await using bus = await open({ commitIntervalMs: 50 })
    const topic = await newTopic(bus, 1)
    const group = uniqueName('group')
    await publish(bus.transport, topic, texts('v', 10))
    const received = new Received()
    await using subscription = await subscribed(
      bus,
      { group, topics: [topic] },
      received,
      each => textOf(each) === 'v3',
    )
    await count(received, 10)
    assert.equal(received.texts, texts('v', 10))
    const committed = async () => (await bus.transport.positions(group))[0]?.committed
    await eventually(async () => assert.is(await committed(), 3))
    await sleep(200)
    assert.is(await committed(), 3)
    received.deliveries[3]?.settle({ kind: 'ack' })
    await eventually(async () => assert.is(await committed(), 10))
    assert.ok(subscription)
  })

  test('closing commits what is finished, and only that', async () => {
    await using bus = await open({ commitIntervalMs: 60_000 })
    const topic = await newTopic(bus, 1)
    const group = uniqueName('group')
    await publish(bus.transport, topic, texts('v', 5))
    const received = new Received()
    const subscription = await subscribed(
      bus,
      { group, topics: [topic] },
      received,
      each => textOf(each) === 'v2',
    )
    await count(received, 5)
    await subscription[Symbol.asyncDispose]()
    assert.ok(received.batches[0]?.signal.aborted)
    assert.is(received.deliveries[2]?.settle({ kind: 'ack' }), false)
    assert.is((await bus.transport.positions(group))[0]?.committed, 2)
    const again = new Received()
    await using _next = await subscribed(bus, { group, topics: [topic] }, again)
    await count(again, 3)
    assert.equal(again.texts, ['v2', 'v3', 'v4'])
  })

  test('a group that starts at latest has that position at once', async () => {
    await using bus = await open()
    const topic = await newTopic(bus, 2)
    const group = uniqueName('group')
    await publish(bus.transport, topic, texts('before', 4), { partition: 1 })
    const first = await subscribed(bus, { group, topics: [topic], from: 'latest' }, new Received())
    const positions = await bus.transport.positions(group)
    assert.equal(
      positions.map(({ committed }) => committed),
      [0, 4],
    )
    await first[Symbol.asyncDispose]()
    await publish(bus.transport, topic, ['between'], { partition: 1 })
    const received = new Received()
    await using _second = await subscribed(bus, { group, topics: [topic], from: 'latest' }, received)
    await count(received, 1)
    assert.equal(received.texts, ['between'])
  })

  test('a handler longer than the session time-out keeps its partition and runs once', async () => {
    await using bus = await open({ consumer: { sessionTimeout: 1_000 } })
    const topic = await newTopic(bus, 1)
    const group = uniqueName('group')
    await publish(bus.transport, topic, texts('v', 3))
    const received = new Received()
    // All partitions are at their limit meanwhile: nothing is fetched at all.
    await using _first = await subscribed(
      bus,
      { group, topics: [topic], maxInFlight: 3 },
      received,
      () => true,
    )
    await count(received, 3)
    await sleep(3_500)
    assert.is(received.deliveries.length, 3)
    assert.not(received.batches[0]?.signal.aborted)
    assert.equal(
      bus.events.map(({ type }) => type),
      ['assigned'],
    )
    for (const delivery of received.deliveries) assert.ok(delivery.settle({ kind: 'ack' }))
    await eventually(async () => assert.is((await bus.transport.positions(group))[0]?.committed, 3))
    await publish(bus.transport, topic, ['next'])
    await count(received, 4)
  })

  test('a partition at its limit holds back nothing but itself', async () => {
    await using bus = await open()
    const topic = await newTopic(bus, 2)
    const received = new Received()
    const group = uniqueName('group')
    const held = (partition: number) =>
      received.deliveries.filter(({ record }) => record.partition === partition).length
    await using _subscription = await subscribed(
      bus,
      { group, topics: [topic], maxInFlight: 5 },
      received,
      delivery => textOf(delivery).startsWith('stuck'),
    )
    await publish(bus.transport, topic, texts('stuck', 5), { partition: 0 })
    await eventually(() => assert.is(held(0), 5))
    await publish(bus.transport, topic, texts('later', 50), { partition: 0 })
    const times: number[] = []
    for (let i = 0; i < 20; i++) {
      const start = performance.now()
      await publish(bus.transport, topic, [`free${i}`], { partition: 1 })
      await eventually(() => assert.is(held(1), i + 1), { everyMs: 1 })
      times.push(performance.now() - start)
    }
    assert.is(held(0), 5)
    times.sort((a, b) => a - b)
    assert.ok((times[10] ?? 0) < 60, `the other partition took ${times[10]} ms`)
    const start = performance.now()
    const finishAll = () => {
      for (const delivery of [...received.deliveries]) delivery.settle({ kind: 'ack' })
      assert.is(held(0), 55)
    }
    await eventually(finishAll, { everyMs: 1 })
    assert.ok(performance.now() - start < 500)
  })

  test('a pause fetches nothing and keeps the membership', async () => {
    await using bus = await open()
    const topic = await newTopic(bus, 1)
    const received = new Received()
    await using subscription = await subscribed(
      bus,
      { group: uniqueName('group'), topics: [topic] },
      received,
    )
    subscription.pause()
    await publish(bus.transport, topic, ['v'])
    await sleep(400)
    assert.is(received.deliveries.length, 0)
    subscription.resume()
    await count(received, 1)
  })

  test('seek revokes what is unfinished and goes on there', async () => {
    await using bus = await open({ commitIntervalMs: 50 })
    const topic = await newTopic(bus, 1)
    const group = uniqueName('group')
    await publish(bus.transport, topic, texts('v', 6))
    const received = new Received()
    await using subscription = await subscribed(
      bus,
      { group, topics: [topic] },
      received,
      each => each.attempt > 5,
    )
    await count(received, 6)
    await subscription.seek({ topic, partition: 0 }, 2)
    await count(received, 10)
    assert.equal(received.texts.slice(6), ['v2', 'v3', 'v4', 'v5'])
    await subscription.seek({ topic, partition: 0 }, 'earliest')
    await count(received, 16)
    await subscription.seek({ topic, partition: 0 }, 'latest')
    await publish(bus.transport, topic, ['after'])
    await count(received, 17)
    assert.is(received.texts[16], 'after')
    await eventually(async () => assert.is((await bus.transport.positions(group))[0]?.committed, 7))
    assert.is((await refusalOf(subscription.seek({ topic, partition: 9 }, 0))).code, 'CONFIG_INVALID')
  })

  test('topics are added and removed while deliveries go on', async () => {
    await using bus = await open()
    const first = await newTopic(bus, 1)
    const second = await newTopic(bus, 1)
    const received = new Received()
    await publish(bus.transport, first, ['long'])
    await publish(bus.transport, second, ['there'])
    await using subscription = await subscribed(
      bus,
      { group: uniqueName('group'), topics: [first] },
      received,
      each => textOf(each) === 'long',
    )
    await count(received, 1)
    const start = performance.now()
    await deadline(5_000, 'adding', subscription.setTopics([first, second]))
    assert.ok(performance.now() - start < 1_500)
    await count(received, 2)
    assert.is(received.texts[1], 'there')
    assert.not(received.batches[0]?.signal.aborted, 'the partition that stays is not revoked')
    assert.ok(received.deliveries[0]?.settle({ kind: 'ack' }))
    await deadline(5_000, 'removing', subscription.setTopics([second]))
    assert.ok(received.batches[0]?.signal.aborted)
    await publish(bus.transport, first, ['unheard'])
    await publish(bus.transport, second, ['heard'])
    await count(received, 3)
    assert.is(received.texts[2], 'heard')
    assert.is((await refusalOf(subscription.setTopics([uniqueName('missing')]))).code, 'TOPIC_MISSING')
    await publish(bus.transport, second, ['still'])
    await count(received, 4)
  })

  test('a missing topic is named, and soon', async () => {
    await using bus = await open()
    const topic = uniqueName('missing')
    const start = performance.now()
    const error = await refusalOf(
      bus.transport.subscribe(
        { group: uniqueName('group'), topics: [topic], from: 'earliest', maxInFlight: 1 },
        async () => {},
      ),
    )
    assert.is(error.code, 'TOPIC_MISSING')
    assert.match(error.message, topic)
    assert.ok(performance.now() - start < 2_000)
  })
}

test.run()
