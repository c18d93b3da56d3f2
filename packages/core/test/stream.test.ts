import { type Bus, defineEvent, type EventPayload, type RecordStream, retry } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { type MemoryTransport, memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { expectTypeOf } from 'expect-type'
import {
  concatMap,
  delay,
  EMPTY,
  filter,
  from,
  map,
  mergeMap,
  type Observable,
  of,
  scan,
  take,
  throwError,
} from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testBus } from './support/bus.js'

const test = suite('streams')

const Reading = defineEvent<{ sensor: string; value: number }>('reading', { key: reading => reading.sensor })
const reading = (value: number, sensor = 's') => ({ sensor, value })
const quick = { consume: { redelivery: { delayMs: 1, maxDelayMs: 5 } } }

async function withBus(
  work: (bus: Bus) => Promise<void>,
  options: Parameters<typeof testBus>[0] = quick,
): Promise<void> {
  const { bus } = testBus(options)
  await deadline(5_000, 'the test', async () => {
    await bus.start()
    try {
      await work(bus)
    } finally {
      await bus.close({ timeoutMs: 50 })
    }
  })
}

test('the classic pipeline: filter, then map', () =>
  withBus(async bus => {
    const got: unknown[] = []
    bus
      .stream(Reading)
      .pipe(
        filter(data => data.value > 100),
        map(data => ({ ...data, processed: true })),
      )
      .subscribe(each => got.push(each))
    for (const value of [99, 101, 100, 102]) await bus.publish(Reading, reading(value))
    await eventually(() =>
      assert.equal(got, [
        { sensor: 's', value: 101, processed: true },
        { sensor: 's', value: 102, processed: true },
      ]),
    )
  }))

test('nothing is lost when the member of a stream crashes in the middle', async () => {
  const broker = memoryBroker({ partitions: 2 })
  const wanted = Array.from({ length: 60 }, (_, value) => value + 80).filter(value => value > 100)
  const got = { plain: new Set<number>(), slow: new Set<number>() }
  const member = (transport: MemoryTransport) => {
    const { bus } = testBus({ broker, transport })
    const above = filter<{ sensor: string; value: number }>(data => data.value > 100)
    bus
      .stream(Reading, { group: 'plain' })
      .pipe(above)
      .subscribe(({ value }) => got.plain.add(value))
    bus
      .stream(Reading, { group: 'slow', concurrency: 4 }, record$ => record$.pipe(above, delay(3)))
      .subscribe(({ value }) => got.slow.add(value))
    return bus
  }
  const first = memoryTransport({ broker, commitIntervalMs: 1 })
  const crashing = member(first)
  await crashing.start()
  for (let value = 80; value < 140; value++) await crashing.publish(Reading, reading(value, `s${value % 8}`))
  await eventually(() => assert.ok(got.slow.size > 5))
  first.crash()
  assert.ok(got.slow.size < wanted.length)
  const second = member(memoryTransport({ broker }))
  await second.start()
  await eventually(() => {
    assert.equal(
      [...got.plain].sort((a, b) => a - b),
      wanted,
    )
    assert.equal(
      [...got.slow].sort((a, b) => a - b),
      wanted,
    )
  })
  await second.close()
  await crashing.close({ timeoutMs: 20 })
})

test('an error in an operator is retried, then dead-lettered, and the stream lives on', async () => {
  const broker = memoryBroker({ partitions: 1 })
  const { bus } = testBus({ broker })
  const Dead = defineEvent<{ sensor: string; value: number }>('reading', { topic: 'reading.service.dlq' })
  const watcher = testBus({ broker, name: 'watcher' }).bus
  const dead: number[] = []
  watcher.subscribe(Dead, ({ value }) => void dead.push(value))
  const attempts: number[] = []
  const got: number[] = []
  bus
    .stream(Reading, { use: [retry({ attempts: 3, delayMs: 1 })] })
    .pipe(
      map(data => {
        attempts.push(data.value)
        if (data.value === 2) throw new Error('two')
        return data.value
      }),
    )
    .subscribe(value => got.push(value))
  await Promise.all([bus.start(), watcher.start()])
  for (const value of [1, 2, 3]) await bus.publish(Reading, reading(value))
  await eventually(() => assert.equal([got, dead], [[1, 3], [2]]))
  assert.equal(attempts, [1, 2, 2, 2, 3])
  await Promise.all([bus.close(), watcher.close()])
})

test('an error in the subscriber fails the record, too', () =>
  withBus(async bus => {
    let failures = 2
    const got: number[] = []
    bus.stream(Reading).subscribe(({ value }) => {
      if (value === 1 && failures-- > 0) throw new Error('not yet')
      got.push(value)
    })
    await bus.publish(Reading, reading(1))
    await bus.publish(Reading, reading(2))
    await eventually(() => assert.equal(got, [1, 2]))
    assert.is(failures, -1)
  }))

test('take acknowledges what it took and ends; the next subscriber goes on behind it', async () => {
  const broker = memoryBroker({ partitions: 1 })
  const got: number[] = []
  for (const _ of [1, 2]) {
    await withBus(
      async bus => {
        if (got.length === 0) for (const value of [1, 2, 3, 4]) await bus.publish(Reading, reading(value))
        await new Promise<void>(complete =>
          bus
            .stream(Reading)
            .pipe(take(2))
            .subscribe({ next: ({ value }) => got.push(value), complete }),
        )
      },
      { broker },
    )
  }
  assert.equal(got, [1, 2, 3, 4])
})

test('who unsubscribes while a record comes has not finished it: it comes again', async () => {
  const broker = memoryBroker({ partitions: 1 })
  const got: number[] = []
  for (const _ of [1, 2]) {
    await withBus(
      async bus => {
        if (got.length === 0) await bus.publish(Reading, reading(7))
        await new Promise<void>(resolve => {
          const subscription = bus.stream(Reading).subscribe(({ value }) => {
            got.push(value)
            subscription.unsubscribe()
            resolve()
          })
        })
      },
      { broker },
    )
  }
  assert.equal(got, [7, 7])
})

test('a stream is cold, and has one subscriber at a time', () =>
  withBus(async bus => {
    const stream = bus.stream(Reading)
    const first = stream.subscribe()
    const error = await new Promise<unknown>(resolve => stream.subscribe({ error: resolve }))
    assert.match(String(error), /has a subscriber already/)
    first.unsubscribe()
    await stream.closed
    const got: number[] = []
    stream.subscribe(({ value }) => got.push(value))
    await bus.publish(Reading, reading(1))
    await eventually(() => assert.equal(got, [1]))
  }))

test('closing the bus completes its streams', async () => {
  const { bus } = testBus()
  const completed = new Promise<void>(complete => bus.stream(Reading).subscribe({ complete }))
  await bus.start()
  await bus.close()
  await deadline(1_000, 'the end', completed)
})

test('a memory in an operator starts afresh after an error', () =>
  withBus(async bus => {
    const got: number[] = []
    let failed = false
    bus
      .stream(Reading)
      .pipe(
        scan((sum, { value }) => sum + value, 0),
        map(sum => {
          if (sum === 3 && !failed) {
            failed = true
            throw new Error('three')
          }
          return sum
        }),
      )
      .subscribe(sum => got.push(sum))
    for (const value of [1, 2, 4]) await bus.publish(Reading, reading(value))
    await eventually(() => assert.equal(got, [1, 2, 6]))
  }))

test('a pipeline of a record may be asynchronous, and its completion acknowledges', async () => {
  const broker = memoryBroker({ partitions: 1 })
  const { bus } = testBus({ broker })
  const got: string[] = []
  let release = () => {}
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  bus
    .stream(Reading, {}, record$ =>
      record$.pipe(
        filter(({ value }) => value > 0),
        mergeMap(async ({ value }) => {
          if (value === 1) await held
          return `value ${value}`
        }),
      ),
    )
    .subscribe(text => got.push(text))
  await bus.start()
  await bus.publish(Reading, reading(1, 'slow'))
  await bus.publish(Reading, reading(2, 'quick'))
  await bus.publish(Reading, reading(0, 'none'))
  await eventually(() => assert.equal(got, ['value 2']))
  release()
  await eventually(() => assert.equal(got, ['value 2', 'value 1']))
  await bus.close()
})

test('an error of a pipeline is retried by subscribing again, whenever it comes', () =>
  withBus(async bus => {
    let runs = 0
    const got: number[] = []
    bus
      .stream(Reading, {}, (record$, context) =>
        record$.pipe(
          concatMap(data => {
            runs += 1
            return context.attempt < 3
              ? of(1).pipe(
                  delay(1),
                  mergeMap(() => throwError(() => new Error('later'))),
                )
              : of(data)
          }),
        ),
      )
      .subscribe(({ value }) => got.push(value))
    await bus.publish(Reading, reading(5))
    await eventually(() => assert.equal([got, runs], [[5], 3]))
  }))

test('the outputs of a pipeline go through operators whose errors fail the record as well', () =>
  withBus(async bus => {
    let runs = 0
    const got: number[] = []
    bus
      .stream(Reading, {}, record$ => record$.pipe(mergeMap(({ value }) => from([value, value * 10]))))
      .pipe(
        map(value => {
          if (value === 20 && runs++ === 0) throw new Error('twenty')
          return value
        }),
      )
      .subscribe(value => got.push(value))
    await bus.publish(Reading, reading(1))
    await bus.publish(Reading, reading(2))
    await eventually(() => assert.equal(got, [1, 10, 2, 2, 20]))
  }))

test('a stream of several events tells them apart', () =>
  withBus(async bus => {
    const Opened = defineEvent<{ door: string }>('opened')
    const Closed = defineEvent<{ door: string; by: string }>('closed')
    const got: string[] = []
    bus.stream([Opened, Closed]).subscribe(received => {
      if (received.is(Closed)) got.push(`${received.payload.door} closed by ${received.payload.by}`)
      else got.push(`${received.payload.door} ${received.event.name}`)
    })
    await bus.publish(Opened, { door: 'a' })
    await bus.publish(Closed, { door: 'a', by: 'ada' })
    await eventually(() => assert.equal(got.toSorted(), ['a closed by ada', 'a opened']))
  }))

test('for await gets one record after the other and acknowledges it with the next', async () => {
  const broker = memoryBroker({ partitions: 1 })
  const got: number[] = []
  for (const wanted of [3, 6]) {
    await withBus(
      async bus => {
        if (got.length === 0) for (const value of [1, 2, 3, 4, 5]) await bus.publish(Reading, reading(value))
        for await (const { value } of bus.stream(Reading)) {
          got.push(value)
          if (got.length === wanted) break
        }
      },
      { broker },
    )
  }
  // The record at which a loop ends comes again.
  assert.equal(got, [1, 2, 3, 3, 4, 5])
})

test('for await ends with the bus, which waits for the body', async () => {
  const { bus } = testBus()
  await bus.start()
  const got: number[] = []
  const loop = (async () => {
    for await (const { value } of bus.stream(Reading)) {
      await new Promise(resolve => setTimeout(resolve, 20))
      got.push(value)
    }
  })()
  await bus.publish(Reading, reading(1))
  await new Promise(resolve => setTimeout(resolve, 5))
  await deadline(2_000, 'the close', bus.close())
  await deadline(1_000, 'the loop', loop)
  assert.equal(got, [1])
})

test('types flow through', () => {
  type Reading = EventPayload<typeof Reading>
  const types = (bus: Bus) => {
    const stream = bus.stream(Reading)
    expectTypeOf(stream).toEqualTypeOf<RecordStream<Reading>>()
    const values = stream.pipe(map(({ value }) => value))
    expectTypeOf(values).toEqualTypeOf<Observable<number>>()
    bus
      .stream(Reading, {}, record$ => record$.pipe(map(each => each.sensor)))
      .subscribe(sensor => {
        expectTypeOf(sensor).toEqualTypeOf<string>()
      })
    // @ts-expect-error there is no such field
    stream.pipe(filter(each => each.colour === 'red'))
    bus.stream(Reading, {}, () => EMPTY)
  }
  assert.type(types, 'function')
})

test.run()
