import { type Bus, defineEvent } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { concatMap, of, range, tap } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from './support/assertions.js'
import { testBus } from './support/bus.js'

const test = suite('streams, used in other ways')

const Reading = defineEvent<{ value: number }>('reading')
const Other = defineEvent<{ value: number }>('other')
const quick = { consume: { redelivery: { delayMs: 1, maxDelayMs: 5 } } }

async function withBus(work: (bus: Bus) => Promise<void>): Promise<void> {
  const { bus } = testBus(quick)
  await deadline(5_000, 'the test', async () => {
    await bus.start()
    try {
      await work(bus)
    } finally {
      await bus.close({ timeoutMs: 50 })
    }
  })
}

function refuses(work: () => unknown, why: RegExp): void {
  assert.match(throws(work, 'CONFIG_INVALID').message, why)
}

test('what a pipeline emits behind an output that failed is not emitted', () =>
  withBus(async bus => {
    const got: number[] = []
    let failures = 1
    bus
      .stream(Reading, {}, record$ => record$.pipe(concatMap(() => of(1, 2, 3))))
      .subscribe(output => {
        got.push(output)
        if (failures-- > 0) throw new Error('not now')
      })
    await bus.publish(Reading, { value: 0 })
    await eventually(() => assert.is(got.length, 4))
    assert.equal(got, [1, 1, 2, 3])
  }))

test('a pipeline is left as soon as nobody takes its outputs any more', () =>
  withBus(async bus => {
    let made = 0
    const count = tap<number>(() => {
      made += 1
    })
    const subscription = bus
      .stream(Reading, {}, record$ => record$.pipe(concatMap(() => range(0, 100).pipe(count))))
      .subscribe(() => subscription.unsubscribe())
    await bus.publish(Reading, { value: 0 })
    await eventually(() => assert.ok(subscription.closed))
    assert.is(made, 1)
  }))

test('a pipeline that returns no Observable says so, in a dead letter at once', () =>
  withBus(async bus => {
    bus.stream(Reading, {}, (async () => 1) as never).subscribe()
    await bus.publish(Reading, { value: 0 })
    await eventually(async () => {
      const [letter] = await bus.deadLetters().list()
      assert.is(letter?.code, 'CONFIG_INVALID')
      assert.is(letter?.attempts, 1)
      assert.match(letter?.message ?? '', /must return an Observable/)
    })
  }))

test('options may be left out before a pipeline, and what is no function is refused', () =>
  withBus(async bus => {
    const got: number[] = []
    bus
      .stream(Reading, record$ => record$.pipe(concatMap(({ value }) => of(value, -value))))
      .subscribe(value => got.push(value))
    bus
      .stream([Other], record$ => record$.pipe(concatMap(({ payload }) => of(payload.value))))
      .subscribe(value => got.push(value))
    await bus.publish(Reading, { value: 7 })
    await bus.publish(Other, { value: 8 })
    await eventually(() => assert.equal(got.sort(), [-7, 7, 8]))
    refuses(() => bus.stream(Reading, {}, 5 as never), /must be the handler function/)
  }))

test('a pipe without a target is refused', () =>
  withBus(async bus => {
    refuses(() => bus.pipe(Reading, record$ => record$ as never, []), /at least one target/)
  }))

test('a group that cannot be left in order does not end the process', async () => {
  const transport = memoryTransport({ broker: memoryBroker() })
  const subscribe = transport.subscribe.bind(transport)
  transport.subscribe = async (...given) => {
    const subscription = await subscribe(...given)
    const leave = subscription[Symbol.asyncDispose].bind(subscription)
    return Object.assign(subscription, {
      [Symbol.asyncDispose]: async () => {
        await leave()
        throw new Error('the broker is away')
      },
    })
  }
  const { bus } = testBus({ transport })
  const unhandled: unknown[] = []
  const note = (thrown: unknown) => void unhandled.push(thrown)
  process.on('unhandledRejection', note)
  try {
    await bus.start()
    const readings = bus.stream(Reading)
    const subscription = readings.subscribe()
    await bus.publish(Reading, { value: 1 })
    await new Promise(resolve => setTimeout(resolve, 20))
    subscription.unsubscribe()
    await new Promise(resolve => setTimeout(resolve, 20))
    assert.equal(unhandled.map(String), [])
    assert.match(String(await readings.closed.catch((thrown: unknown) => thrown)), /the broker is away/)
  } finally {
    process.off('unhandledRejection', note)
    await bus.close({ timeoutMs: 50 })
  }
})

test('next() that is called ahead waits for its turn', () =>
  withBus(async bus => {
    for (const value of [1, 2, 3]) await bus.publish(Reading, { value })
    const records = bus.stream(Reading)[Symbol.asyncIterator]()
    const [one, two] = await Promise.all([records.next(), records.next()])
    assert.equal([one.value, two.value], [{ value: 1 }, { value: 2 }])
    const last = records.next()
    assert.equal((await last).value, { value: 3 })
    const [pending, ahead] = [records.next(), records.next()]
    await records.return?.()
    assert.equal([(await pending).done, (await ahead).done], [true, true])
  }))

test.run()
