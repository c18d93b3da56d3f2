import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { record } from './kafka-harness.js'
import { readAll, textIn } from './support/copying.js'
import { connected, publish, Received } from './support/test-transport.js'
import { transactionsAt } from './support/transactions-at.js'

const kafka = await kafkaForTests()
const test = suite('reading what is committed')

if (kafka) {
  const { brokers } = kafka

  /** A topic with a partition, and a producer of transactions into it. */
  const open = async () => {
    const bus = await connected({ brokers, commitIntervalMs: 20 })
    const topic = uniqueName('committed')
    await bus.transport.ensureTopics([{ name: topic, create: true, partitions: 1 }])
    const transactions = await transactionsAt(brokers)
    const attempt = () => transactions.attempt(new AbortController().signal)
    const producer = transactions.producer(uniqueName('id'), 0)
    await producer.claim(attempt())
    const group = uniqueName('written')
    const member = { group, memberId: '', generationId: -1 }
    let position = 0
    return {
      transport: bus.transport,
      topic,
      group,
      write: async (...values: string[]) => {
        const records = values.map(value => record(topic, value, { partition: 0 }))
        position += 1
        const offsets = [{ topic, partition: 0, position, metadata: '' }]
        await producer.write({ records, member, offsets }, attempt())
      },
      commit: () => producer.commit(attempt()),
      abort: () => producer.renew(attempt()),
      [Symbol.asyncDispose]: async () => {
        transactions.close(new Error('done'))
        await bus.transport[Symbol.asyncDispose]()
      },
    }
  }

  test('a reader stops before what is open, and its end is reached behind what was aborted', async () => {
    await using world = await open()
    const { transport, topic } = world
    await publish(transport, topic, ['a'])
    await world.write('open1', 'open2')
    // What came behind it waits for it, as the log is read in order.
    await publish(transport, topic, ['b'])
    assert.equal((await readAll(transport, topic)).map(textIn), ['a'])
    await world.abort()
    await eventually(async () => assert.equal((await readAll(transport, topic)).map(textIn), ['a', 'b']))
    // The log ends in an aborted record and a marker now.
    await world.write('open3')
    await world.abort()
    assert.equal((await readAll(transport, topic)).map(textIn), ['a', 'b'])
    await world.write('c')
    await world.commit()
    await eventually(async () => assert.equal((await readAll(transport, topic)).map(textIn), ['a', 'b', 'c']))
  })

  test('a reader that goes on sees records once they are committed', async () => {
    await using world = await open()
    const seen: string[] = []
    await using _ = await world.transport.read({ topic: world.topic, from: 'latest' }, records => {
      seen.push(...records.map(textIn))
    })
    await world.write('x')
    await world.abort()
    await world.write('y', 'z')
    await new Promise(resolve => setTimeout(resolve, 300))
    assert.equal(seen, [])
    await world.commit()
    await eventually(() => assert.equal(seen, ['y', 'z']))
  })

  test('a group gets what is committed, passes what is not, and lags behind nothing', async () => {
    await using world = await open()
    const { transport, topic } = world
    const received = new Received()
    const group = uniqueName('group')
    await using _ = await deadline(
      10_000,
      'subscribing',
      transport.subscribe({ group, topics: [topic], from: 'earliest', maxInFlight: 100 }, received.deliver()),
    )
    await world.write('gone')
    await world.abort()
    await world.write('here')
    await world.commit()
    await eventually(() => assert.equal(received.texts, ['here']))
    // Two records and two markers.
    await eventually(async () => assert.equal((await transport.positions(group))[0]?.committed, 4))
    await world.write('open')
    const [position] = await transport.positions(group)
    assert.is(position?.lag, 0)
    await world.abort()
    await eventually(async () => assert.equal((await transport.positions(group))[0]?.committed, 6))
    assert.equal(received.texts, ['here'])
  })

  test('whoever was told that a position is committed finds it', async () => {
    await using world = await open()
    const { transport, group } = world
    await world.write('first')
    await world.commit()
    await eventually(async () => assert.is((await transport.positions(group))[0]?.committed, 1))
    for (let position = 2; position <= 20; position++) {
      await world.write(...Array.from({ length: position }, () => 'x'))
      await world.commit()
      const [found] = await transport.positions(group)
      assert.is(found?.committed, position)
    }
  })
}

test.run()
