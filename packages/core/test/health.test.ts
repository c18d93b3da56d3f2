import { BusbarError, createBus, defineEvent, retry, silentLogger } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('health')
const Thing = defineEvent<number>('thing')
const once = { use: [retry({ attempts: 1 })] }
const consume = { redelivery: { delayMs: 1, maxDelayMs: 5 } }

test('is red while a dead letter cannot be written, and green again once it is', async () => {
  const broker = memoryBroker({ partitions: 1 })
  const transport = memoryTransport({ broker })
  const send = transport.send.bind(transport)
  let isAway = true
  transport.send = records =>
    isAway && records.some(({ topic }) => topic.endsWith('.dlq'))
      ? Promise.reject(new BusbarError('PUBLISH_FAILED', 'the topic is away'))
      : send(records)
  await using bus = createBus({ name: 'service', transport, logger: silentLogger, consume })
  bus.subscribe(Thing, once, () => {
    throw new Error('no')
  })
  await deadline(5_000, 'health', async () => {
    await bus.start()
    assert.is((await bus.health()).status, 'green')
    await bus.publish(Thing, 1)
    await eventually(async () => assert.is((await bus.health()).status, 'red'))
    const [problem] = (await bus.health()).problems
    assert.match(problem?.what ?? '', /record thing\/0@0 of subscription service\/thing/)
    assert.match(problem?.reason ?? '', /the topic is away/)
    assert.is(broker.positions('service').find(({ topic }) => topic === 'thing')?.lag, 1)
    isAway = false
    await eventually(async () => assert.is((await bus.health()).status, 'green'))
    assert.is(broker.records('thing.service.dlq').length, 1)
  })
})

test('a record that comes back to a subscription that is not here waits for it, and is not acknowledged', async () => {
  const broker = memoryBroker({ partitions: 1 })
  const service = () =>
    createBus({ name: 'service', transport: memoryTransport({ broker }), logger: silentLogger, consume })
  const lag = () => broker.positions('service').find(({ topic }) => topic === 'thing.service.retry')?.lag
  await deadline(5_000, 'coming back', async () => {
    {
      await using bus = service()
      bus.subscribe(Thing, { ...once, name: 'old-name' }, () => {
        throw new Error('no')
      })
      await bus.start()
      await bus.publish(Thing, 1)
      await eventually(async () => assert.is((await bus.deadLetters().list()).length, 1))
    }
    {
      await using renamed = service()
      renamed.subscribe(Thing, { ...once, name: 'new-name' }, () => {})
      await renamed.start()
      await renamed.deadLetters().replay()
      await eventually(() => assert.is(lag(), 1))
    }
    assert.is(lag(), 1)
    const handled: number[] = []
    await using named = service()
    named.subscribe(Thing, { ...once, name: 'old-name' }, n => handled.push(n))
    await named.start()
    await eventually(() => assert.equal([handled, lag()], [[1], 0]))
  })
})

test.run()
