import { type Bus, defineEvent, type EventContext } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from './support/assertions.js'
import { testBus } from './support/bus.js'
import { settle } from './support/fake-runtime.js'

const test = suite('subscriptions')
const Thing = defineEvent<number>('thing', { key: n => String(n % 10) })
const quick = { consume: { redelivery: { delayMs: 1, maxDelayMs: 2 } } }

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

test('each group gets every event, and members of one group share them', async () => {
  const broker = memoryBroker({ partitions: 4 })
  const { bus } = testBus({ broker })
  const { bus: twin } = testBus({ broker })
  const got: Record<string, number[]> = { one: [], twin: [], stats: [] }
  bus.subscribe(Thing, n => got['one']?.push(n))
  twin.subscribe(Thing, n => got['twin']?.push(n))
  bus.subscribe(Thing, { group: 'stats' }, n => got['stats']?.push(n))
  await run(bus, async () => {
    await Promise.all([bus.start(), twin.start()])
    const all = Array.from({ length: 40 }, (_, n) => n)
    await bus.publishBatch(Thing, all)
    await eventually(() => assert.is(got['stats']?.length, 40))
    await eventually(() =>
      assert.equal(
        [...(got['one'] ?? []), ...(got['twin'] ?? [])].sort((a, b) => a - b),
        all,
      ),
    )
    assert.ok(got['one']?.length && got['twin']?.length)
    await twin.close()
  })
})

test('of two handlers of one event only the one that failed runs again', async () => {
  const { bus, broker } = testBus(quick)
  const attempts: number[] = []
  let fine = 0
  bus.subscribe(Thing, { name: 'fine' }, () => void fine++)
  bus.subscribe(Thing, { name: 'failing' }, (_, { attempt }) => {
    attempts.push(attempt)
    if (attempts.length < 4) throw new Error('not yet')
  })
  await run(bus, async () => {
    await bus.start()
    await bus.publish(Thing, 1)
    await eventually(() => assert.is(lag(broker), 0))
    assert.equal([fine, attempts], [1, [1, 2, 3, 4]])
  })
})

test('what waits behind a failing record is not charged with its attempts, and keeps its order', async () => {
  const { bus, broker } = testBus(quick)
  const seen: string[] = []
  bus.subscribe(Thing, { concurrency: 1 }, (n, { attempt }) => {
    seen.push(`${n}:${attempt}`)
    if (n === 10 && attempt < 3) throw new Error('not yet')
  })
  await run(bus, async () => {
    await bus.start()
    await bus.publishBatch(Thing, [10, 20, 30])
    await eventually(() => assert.is(lag(broker), 0))
    assert.equal(seen, ['10:1', '10:2', '10:3', '20:1', '30:1'])
  })
})

test('a handler that keeps failing holds back only its own key, and the position', async () => {
  const { bus, broker } = testBus(quick)
  const done = new Set<number>()
  bus.subscribe(Thing, n => {
    if (n === 3) throw new Error('always')
    done.add(n)
  })
  await run(bus, async () => {
    await bus.start()
    await bus.publishBatch(Thing, [1, 2, 3, 13, 4, 5])
    await eventually(() =>
      assert.equal(
        [...done].sort((a, b) => a - b),
        [1, 2, 4, 5],
      ),
    )
    await settle()
    assert.not.ok(done.has(13))
    assert.is(lag(broker), 4)
  })
})

test('types that nobody subscribed to are passed over; bytes that cannot be decoded are a failure', async () => {
  const { bus, broker, lines } = testBus(quick)
  const Neighbour = defineEvent<number>('neighbour', { topic: 'thing' })
  const got: number[] = []
  bus.subscribe(Thing, n => got.push(n))
  await run(bus, async () => {
    await bus.start()
    await bus.publish(Neighbour, 7)
    await bus.publish(Thing, 1)
    await eventually(() => assert.equal([got, lag(broker)], [[1], 0]))
    const transport = testBus({ broker })
    const Raw = defineEvent('thing', {
      schema: { contentType: 'x', encode: () => Buffer.from('{"secret'), decode: () => 0 },
    })
    await transport.bus.start()
    await transport.bus.publish(Raw, undefined)
    await eventually(() => assert.ok(lines.some(line => line.fields['code'] === 'DECODE_FAILED')))
    assert.not.match(JSON.stringify(lines.map(line => String(line.fields['err']))), /secret/)
    await bus.publish(Thing, 2)
    await eventually(() => assert.equal(got, [1, 2]))
    await transport.bus.close()
  })
})

test('a ce_type that is not UTF-8 is a failure with ENVELOPE_INVALID, and the group goes on', async () => {
  const { bus, broker, lines } = testBus(quick)
  const { bus: producer } = testBus({ broker })
  producer.use({
    name: 'break',
    publish: async (context, next) => {
      if (context.payload === 0) context.headers['ce_type'] = Uint8Array.of(0xff)
      await next()
    },
  })
  const got: number[] = []
  bus.subscribe(Thing, { onFailure: 'hand-back' }, n => got.push(n))
  await run(bus, async () => {
    await Promise.all([bus.start(), producer.start()])
    await producer.publishBatch(Thing, [0, 1])
    await eventually(() => assert.equal(got, [1]))
    assert.ok(lines.some(line => line.fields['code'] === 'ENVELOPE_INVALID'))
    assert.is(lag(broker), 2)
    await producer.close()
  })
})

test('records without an envelope are ignored with one warning, or are the event that says so', async () => {
  const broker = memoryBroker({ partitions: 1 })
  const { bus: producer } = testBus({ broker })
  producer.use({
    name: 'strip',
    publish: async ({ headers }, next) => {
      for (const name of Object.keys(headers)) delete headers[name]
      await next()
    },
  })
  const { bus, lines } = testBus({ broker, ...quick })
  const Foreign = defineEvent<number>('foreign', { topic: 'legacy', foreign: true })
  const got: string[] = []
  bus.subscribe(Thing, n => got.push(`thing ${n}`))
  bus.subscribe(Foreign, (n, context) => got.push(`foreign ${n} ${context.id} ${context.event}`))
  await run(bus, async () => {
    await Promise.all([bus.start(), producer.start()])
    await producer.publishBatch(Thing, [1, 2])
    await producer.publish(defineEvent<number>('whatever', { topic: 'legacy' }), 3)
    await eventually(() => assert.equal(got, ['foreign 3 legacy/0@0 foreign']))
    await eventually(() => assert.is(lag(broker), 0))
    assert.is(lines.filter(line => line.level === 'warn').length, 1)
    await producer.close()
  })
})

test('a broadcast reaches every instance, only from now on, and keeps no position', async () => {
  const { bus, broker } = testBus(quick)
  const { bus: twin } = testBus({ broker })
  const got: string[] = []
  let failures = 1
  await run(bus, async () => {
    await Promise.all([bus.start(), twin.start()])
    await bus.publish(Thing, 0)
    const one = bus.subscribe(Thing, { group: false }, (n, { attempt }) => {
      if (failures-- > 0) throw new Error('once')
      got.push(`one ${n} ${attempt}`)
    })
    const two = twin.subscribe(Thing, { group: false }, n => got.push(`two ${n}`))
    await Promise.all([one.ready, two.ready])
    await bus.publish(Thing, 1)
    await eventually(() => assert.equal(got.sort(), ['one 1 2', 'two 1']))
    await one.close()
    await bus.publish(Thing, 2)
    await eventually(() => assert.ok(got.includes('two 2')))
    assert.not.ok(got.some(each => each.startsWith('one 2')))
    await twin.close()
  })
})

test('middleware of the bus surrounds that of the subscription, record before event, with its this', async () => {
  const { bus } = testBus()
  const log: string[] = []
  class Counting {
    readonly name = 'counting'
    readonly #log = log
    async record(_: unknown, next: () => Promise<void>) {
      this.#log.push('record')
      await next()
    }
  }
  bus.use(async (_, next) => {
    log.push('bus')
    await next()
  })
  const own = async (context: EventContext, next: () => Promise<void>) => {
    log.push(`own ${String(context.payload)}`)
    await next()
  }
  bus.subscribe(Thing, { use: [own, new Counting()] }, () => void log.push('handler'))
  await run(bus, async () => {
    await bus.start()
    throws(() => bus.use(() => {}), 'CONFIG_INVALID')
    await bus.publish(Thing, 1)
    await eventually(() => assert.equal(log, ['record', 'bus', 'own 1', 'handler']))
  })
})

test.run()
