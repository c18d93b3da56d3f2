import { type Bus, defineEvent, type EventContext } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deferred } from './support/assertions.js'
import { testBus } from './support/bus.js'
import { settle } from './support/fake-runtime.js'

const test = suite('subscriptions that come and go')
const Thing = defineEvent<number>('thing', { key: n => String(n % 10) })
const Other = defineEvent<number>('other')

const lag = (broker: ReturnType<typeof testBus>['broker'], topic = 'thing') =>
  broker.positions('service').find(position => position.topic === topic)?.lag

const run = (bus: Bus, work: () => Promise<void>) =>
  deadline(5_000, 'the test', async () => {
    try {
      await work()
    } finally {
      await bus.close({ timeoutMs: 20 })
    }
  })

test('a subscription added to a running bus, or while it starts, receives once it is ready', async () => {
  const { bus, lines } = testBus()
  const got: string[] = []
  await run(bus, async () => {
    const starting = bus.start()
    const early = bus.subscribe(Thing, n => got.push(`early ${n}`))
    await Promise.all([starting, early.ready])
    const late = bus.subscribe(Other, n => got.push(`late ${n}`))
    await late.ready
    await bus.publish(Thing, 1)
    await bus.publish(Other, 2)
    await eventually(() => assert.equal(got.sort(), ['early 1', 'late 2']))
    assert.equal(
      lines.filter(line => line.level === 'error'),
      [],
    )
  })
})

test('closing a subscription while its group has others loses none of its records', async () => {
  const { bus, broker } = testBus({ consume: { concurrency: 1, redelivery: { delayMs: 1 } } })
  const gate = deferred()
  const got: number[] = []
  let signal: AbortSignal | undefined
  const handler = async (n: number, context: EventContext) => {
    signal = context.signal
    await gate.promise
    got.push(n)
  }
  const subscription = bus.subscribe(Thing, handler)
  bus.subscribe(Other, () => {})
  await run(bus, async () => {
    await bus.start()
    await bus.publishBatch(Thing, [1, 2, 3, 11])
    await eventually(() => assert.ok(signal))
    const closing = subscription.close({ timeoutMs: 1_000 })
    await settle()
    assert.not.ok(signal?.aborted, 'it may finish')
    gate.resolve()
    await closing
    assert.equal(got, [1])
    assert.is(lag(broker), 3)
    await bus.subscribe(Thing, handler).ready
    await eventually(() =>
      assert.equal(
        got.sort((a, b) => a - b),
        [1, 2, 3, 11],
      ),
    )
  })
})

test('closing a batch subscription while its group has others loses none of its records', async () => {
  const { bus, broker } = testBus({ consume: { redelivery: { delayMs: 1 } } })
  const gate = deferred()
  const got: number[] = []
  const batches: number[] = []
  const subscription = bus.subscribeBatch(Thing, { maxSize: 2, maxWaitMs: 1 }, async items => {
    batches.push(items.length)
    await gate.promise
    got.push(...items.map(item => item.payload))
  })
  bus.subscribe(Other, () => {})
  await run(bus, async () => {
    await bus.start()
    await bus.publishBatch(Thing, [1, 2, 3, 11])
    await eventually(() => assert.equal(batches, [2]))
    const closing = subscription.close({ timeoutMs: 1_000 })
    await settle()
    gate.resolve()
    await closing
    assert.equal([got, lag(broker)], [[1, 2], 2])
    const again = bus.subscribeBatch(Thing, { maxWaitMs: 1 }, items =>
      got.push(...items.map(item => item.payload)),
    )
    await again.ready
    await subscription.close()
    await eventually(() =>
      assert.equal(
        got.sort((a, b) => a - b),
        [1, 2, 3, 11],
      ),
    )
  })
})

test('closing the last subscription of a group leaves it; the next one starts it anew', async () => {
  const { bus, broker } = testBus()
  const got: number[] = []
  const subscription = bus.subscribe(Thing, n => got.push(n))
  await run(bus, async () => {
    await bus.start()
    await bus.publish(Thing, 1)
    await eventually(() => assert.equal(got, [1]))
    await Promise.all([subscription.close(), subscription.close()])
    assert.equal(broker.describeGroup('service').members, [])
    await bus.publish(Thing, 2)
    const again = bus.subscribe(Thing, { concurrency: 7 }, n => got.push(n))
    await again.ready
    await subscription.close()
    await eventually(() => assert.equal(got, [1, 2]))
    assert.is(broker.describeGroup('service').members.length, 1)
  })
})

test.run()
