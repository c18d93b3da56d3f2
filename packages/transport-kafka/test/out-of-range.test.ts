import { eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import kafkajs from 'kafkajs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connected, publish, Received, refusalOf, texts } from './support/test-transport.js'

const kafka = await kafkaForTests()
const test = suite('positions out of range')

if (kafka) {
  const admin = new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin()
  const deleteRecords = async (topic: string, before: number) => {
    await admin.connect()
    // Loads the metadata that kafkajs's next call forgets to load.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(before) }] })
    await admin.disconnect()
  }
  const open = () => connected({ brokers: kafka.brokers, commitIntervalMs: 30 })
  const outOfRange = (bus: Awaited<ReturnType<typeof open>>) =>
    bus.events.flatMap(event =>
      event.type === 'position-out-of-range' ? [{ ...event, error: event.error.code }] : [],
    )

  test('a committed position whose records are gone is reported before anything is read', async () => {
    await using bus = await open()
    const topic = uniqueName('range')
    const group = uniqueName('group')
    await bus.transport.ensureTopics([{ name: topic, create: true, partitions: 1 }])
    await publish(bus.transport, topic, texts('v', 10))
    const spec = { group, topics: [topic], from: 'latest', maxInFlight: 100 } as const
    const first = await bus.transport.subscribe(
      { ...spec, from: 'earliest' },
      new Received().deliver(({ record }) => record.offset >= 2),
    )
    await eventually(async () => assert.is((await bus.transport.positions(group))[0]?.committed, 2))
    await first[Symbol.asyncDispose]()
    await deleteRecords(topic, 5)
    const received = new Received()
    await using _second = await bus.transport.subscribe(spec, received.deliver())
    await eventually(() => assert.equal(received.texts, ['v5', 'v6', 'v7', 'v8', 'v9']))
    assert.equal(outOfRange(bus), [
      {
        type: 'position-out-of-range',
        group,
        topic,
        partition: 0,
        position: 2,
        resetTo: 5,
        error: 'POSITION_OUT_OF_RANGE',
      },
    ])
  })

  test('records that go while they are waited for are reported, and what is unfinished stays', async () => {
    await using bus = await open()
    const topic = uniqueName('range')
    const group = uniqueName('group')
    await bus.transport.ensureTopics([{ name: topic, create: true, partitions: 1 }])
    const received = new Received()
    const spec = { group, topics: [topic], from: 'earliest', maxInFlight: 2 } as const
    await using subscription = await bus.transport.subscribe(
      spec,
      received.deliver(({ record }) => record.offset < 2),
    )
    await publish(bus.transport, topic, texts('v', 2))
    await eventually(() => assert.is(received.deliveries.length, 2))
    await publish(bus.transport, topic, texts('w', 8))
    await deleteRecords(topic, 7)
    for (const delivery of received.deliveries) assert.ok(delivery.settle({ kind: 'ack' }))
    await eventually(() => assert.equal(received.texts, ['v0', 'v1', 'w5', 'w6', 'w7']))
    assert.equal(
      outOfRange(bus).map(({ position, resetTo }) => [position, resetTo]),
      [[2, 7]],
    )
    await eventually(async () => assert.is((await bus.transport.positions(group))[0]?.lag, 0))
    // Beyond the end: nothing was ever there.
    await subscription.seek({ topic, partition: 0 }, 1_000)
    await eventually(() => assert.is(received.deliveries.length, 8))
    assert.equal(outOfRange(bus)[1], {
      type: 'position-out-of-range',
      group,
      topic,
      partition: 0,
      position: 1_000,
      resetTo: 7,
      error: 'POSITION_OUT_OF_RANGE',
    })
  })

  test('a reader without a group that falls behind the log ends with the reason', async () => {
    await using bus = await open()
    const topic = uniqueName('range')
    await bus.transport.ensureTopics([{ name: topic, create: true, partitions: 1 }])
    await publish(bus.transport, topic, texts('v', 2))
    let goOn = () => {}
    const seen: number[] = []
    await using reader = await bus.transport.read({ topic, from: 'earliest' }, records => {
      seen.push(...records.map(({ offset }) => offset))
      return new Promise(resolve => {
        goOn = resolve
      })
    })
    await eventually(() => assert.equal(seen, [0, 1]))
    await publish(bus.transport, topic, texts('w', 8))
    await deleteRecords(topic, 9)
    goOn()
    assert.is((await refusalOf(reader.closed)).code, 'POSITION_OUT_OF_RANGE')
    assert.equal(seen, [0, 1])
  })
}

test.run()
