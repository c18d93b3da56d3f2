import {
  type Bus,
  type BusbarError,
  type BusbarErrorCode,
  defineEvent,
  type InboundRecord,
  idempotent,
  memoryStore,
  retry,
  timeout,
  to,
} from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { type GroupCommit, type MemoryBroker, memoryBroker } from '@busbar/transport-memory'
import { expectTypeOf } from 'expect-type'
import { concatMap, delay, EMPTY, filter, from, map, mergeMap, of, throwError } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testBus } from './support/bus.js'
import { ToyBroker } from './toy-transport/toy-broker.js'
import { ToyTransport } from './toy-transport/toy-transport.js'

const test = suite('pipes')

interface Reading {
  readonly sensor: string
  readonly value: number
}
const Reading = defineEvent<Reading>('reading', { key: reading => reading.sensor })
const Alarm = defineEvent<{ sensor: string; text: string }>('alarm', { key: alarm => alarm.sensor })
const Note = defineEvent<{ text: string }>('note')
const reading = (value: number, sensor = 's'): Reading => ({ sensor, value })
const alarm = ({ sensor, value }: Reading) => ({ sensor, text: `${value}` })
const quick = { consume: { redelivery: { delayMs: 1, maxDelayMs: 5 } } }
const once = retry({ attempts: 1 })

/** A bus that has started, a broker, and what was committed. */
async function withBus(
  prepare: (bus: Bus) => void,
  work: (world: {
    bus: Bus
    broker: MemoryBroker
    commits: GroupCommit[]
    texts: () => string[]
  }) => Promise<void>,
  options: { maxRecordBytes?: number } = {},
): Promise<void> {
  const commits: GroupCommit[] = []
  const broker = memoryBroker({ partitions: 1, ...options, onCommit: commit => commits.push(commit) > 0 })
  const { bus } = testBus({ ...quick, broker })
  prepare(bus)
  const texts = () => valuesOf(broker, 'alarm').map(({ text }) => text as string)
  await deadline(10_000, 'the test', async () => {
    await bus.start()
    try {
      await work({ bus, broker, commits, texts })
    } finally {
      await bus.close({ timeoutMs: 50 })
    }
  })
}

const jsonOf = ({ value }: InboundRecord) =>
  JSON.parse(Buffer.from(value ?? []).toString()) as Record<string, unknown>
const idOf = ({ headers }: InboundRecord) => Buffer.from(headers['ce_id'] as Uint8Array).toString()
const valuesOf = (broker: MemoryBroker, topic: string) => broker.records(topic).map(jsonOf)
const lag = (broker: MemoryBroker) => broker.positions('service').reduce((sum, each) => sum + each.lag, 0)

function refused(work: () => unknown, code: BusbarErrorCode, message: RegExp): void {
  assert.throws(work, (thrown: BusbarError) => thrown.code === code && message.test(thrown.message))
}

for (const exactlyOnce of [false, true]) {
  const how = exactlyOnce ? 'exactly once' : 'at least once'

  test(`${how}: what comes out of the pipeline is published, in order; what is filtered out is done`, () =>
    withBus(
      bus =>
        bus.pipe(
          Reading,
          { exactlyOnce },
          reading$ =>
            reading$.pipe(
              filter(({ value }) => value > 100),
              map(alarm),
            ),
          Alarm,
        ),
      async ({ bus, broker, texts }) => {
        for (const value of [99, 101, 100, 102]) await bus.publish(Reading, reading(value))
        await eventually(() => assert.is(lag(broker), 0))
        assert.equal(texts(), ['101', '102'])
        const [first] = broker.records('alarm')
        assert.is(Buffer.from(first?.key ?? []).toString(), 's')
        assert.is(Buffer.from(first?.headers['ce_type'] as Uint8Array).toString(), 'alarm')
      },
    ))

  test(`${how}: one record may lead to several, also later; of one key in order, of several side by side`, () =>
    withBus(
      bus =>
        bus.pipe(
          Reading,
          { exactlyOnce },
          reading$ =>
            reading$.pipe(
              concatMap(each =>
                from([0, 1, 2]).pipe(map(n => ({ sensor: each.sensor, text: `${each.value}.${n}` }))),
              ),
              delay(3),
            ),
          Alarm,
        ),
      async ({ bus, broker, texts }) => {
        const values = Array.from({ length: 20 }, (_, n) => n)
        await bus.publishBatch(
          Reading,
          values.map(n => reading(n, `s${n % 2}`)),
        )
        await eventually(() => assert.is(lag(broker), 0))
        const expected = (parity: number) =>
          values.filter(n => n % 2 === parity).flatMap(n => [0, 1, 2].map(each => `${n}.${each}`))
        const ofParity = (parity: number) => texts().filter(text => Number.parseInt(text, 10) % 2 === parity)
        assert.equal([ofParity(0), ofParity(1)], [expected(0), expected(1)])
      },
    ))

  test(`${how}: a failed attempt publishes nothing; the next one does, with ids that follow from the record's`, () => {
    let failures = 2
    return withBus(
      bus =>
        bus.pipe(
          Reading,
          { exactlyOnce, use: [retry({ delayMs: 1 })] },
          reading$ =>
            reading$.pipe(
              mergeMap(each => {
                const outputs = from([alarm(each), { sensor: each.sensor, text: 'second' }])
                return failures-- > 0
                  ? from([alarm(each), undefined]).pipe(map(output => output ?? fail()))
                  : outputs
              }),
            ),
          Alarm,
        ),
      async ({ bus, broker, texts }) => {
        await bus.publish(Reading, reading(1), { id: 'r1' })
        await eventually(() => assert.is(lag(broker), 0))
        assert.equal(texts(), ['1', 'second'])
        assert.equal(broker.records('alarm').map(idOf), ['r1/service/reading/0', 'r1/service/reading/1'])
      },
    )
  })

  test(`${how}: what fails for good is a dead letter, and the pipe goes on`, () =>
    withBus(
      bus =>
        bus.pipe(
          Reading,
          { exactlyOnce, use: [once] },
          reading$ =>
            reading$.pipe(
              mergeMap(each => (each.value === 2 ? throwError(() => new Error('no')) : of(alarm(each)))),
            ),
          Alarm,
        ),
      async ({ bus, broker, texts, commits }) => {
        for (const value of [1, 2, 3]) await bus.publish(Reading, reading(value))
        await eventually(() => assert.is(lag(broker), 0))
        assert.equal(texts(), ['1', '3'])
        assert.equal(valuesOf(broker, 'reading.service.dlq'), [reading(2)])
        const inTransactions = commits.flatMap(({ records = [] }) => records.map(({ topic }) => topic))
        assert.equal(inTransactions.sort(), exactlyOnce ? ['alarm', 'alarm', 'reading.service.dlq'] : [])
      },
    ))

  test(`${how}: several targets, each output for its own`, () =>
    withBus(
      bus =>
        bus.pipe(
          Reading,
          { exactlyOnce },
          reading$ =>
            reading$.pipe(
              concatMap(each => [
                to(Alarm, alarm(each)),
                to(Note, { text: `about ${each.value}` }, { key: 'mine' }),
              ]),
            ),
          [Alarm, Note],
        ),
      async ({ bus, broker, texts }) => {
        await bus.publish(Reading, reading(7))
        await eventually(() => assert.is(lag(broker), 0))
        assert.equal(texts(), ['7'])
        const [note] = broker.records('note')
        assert.equal(note && jsonOf(note), { text: 'about 7' })
        assert.is(Buffer.from(note?.key ?? []).toString(), 'mine')
      },
    ))

  test(`${how}: an output for no target of the pipe is the record's failure`, () =>
    withBus(
      bus =>
        bus.pipe(Reading, { exactlyOnce, use: [once] }, reading$ => reading$.pipe(map(alarm)) as never, [
          Alarm,
        ]),
      async ({ bus, broker }) => {
        await bus.publish(Reading, reading(7))
        await eventually(() => assert.is(lag(broker), 0))
        const [letter] = broker.records('reading.service.dlq')
        const message = Buffer.from(letter?.headers['busbar-error-message'] as Uint8Array).toString()
        assert.match(message, /a pipe to alarm emitted something that to\(\) has not made/)
      },
    ))

  test(`${how}: an output that is too large is the record's failure, whichever others are on their way`, () =>
    withBus(
      bus =>
        bus.pipe(
          Reading,
          { exactlyOnce },
          reading$ =>
            reading$.pipe(
              map(each => ({ ...alarm(each), ...(each.value === 3 && { text: 'x'.repeat(20_000) }) })),
            ),
          Alarm,
        ),
      async ({ bus, broker, texts }) => {
        await bus.publishBatch(
          Reading,
          [1, 2, 3, 4, 5].map(value => reading(value, `s${value}`)),
        )
        await eventually(() => assert.is(lag(broker), 0))
        assert.equal(texts().sort(), ['1', '2', '4', '5'])
        const [letter] = broker.records('reading.service.dlq')
        assert.equal(letter && jsonOf(letter), reading(3, 's3'))
        assert.is(
          Buffer.from(letter?.headers['busbar-error-code'] as Uint8Array).toString(),
          'RECORD_TOO_LARGE',
        )
      },
      { maxRecordBytes: 12_000 },
    ))

  test(`${how}: a dead letter that is too large is shortened until it fits`, () => {
    const long = new Error('x'.repeat(1_500))
    return withBus(
      bus => bus.pipe(Reading, { exactlyOnce, use: [once] }, () => throwError(() => long), Alarm),
      async ({ bus, broker }) => {
        await bus.publish(Reading, reading(1))
        await eventually(() => assert.is(lag(broker), 0))
        const [letter] = broker.records('reading.service.dlq')
        assert.equal(letter && jsonOf(letter), reading(1))
        assert.is(letter?.headers['busbar-error-stack'], undefined)
      },
      { maxRecordBytes: 1_200 },
    )
  })

  test(`${how}: the middleware of the bus surrounds outputs and records`, () =>
    withBus(
      bus => {
        bus.use({
          name: 'mark',
          publish(context, next) {
            context.headers['marked'] = 'yes'
            return next()
          },
        })
        bus.pipe(Reading, { exactlyOnce, use: [filterOut(2)] }, reading$ => reading$.pipe(map(alarm)), Alarm)
      },
      async ({ bus, broker, texts }) => {
        for (const value of [1, 2, 3]) await bus.publish(Reading, reading(value))
        await eventually(() => assert.is(lag(broker), 0))
        assert.equal(texts(), ['1', '3'])
        for (const { headers } of broker.records('alarm'))
          assert.is(Buffer.from(headers['marked'] as Uint8Array).toString(), 'yes')
      },
    ))

  test(`${how}: two pipes of one group; what one of them fails with does not repeat the other`, () => {
    let failures = 3
    return withBus(
      bus => {
        const options = { exactlyOnce, onFailure: 'hand-back' } as const
        bus.pipe(Reading, { ...options, name: 'good' }, reading$ => reading$.pipe(map(alarm)), Alarm)
        bus.pipe(
          Reading,
          { ...options, name: 'bad' },
          reading$ =>
            reading$.pipe(map(({ value }) => (failures-- > 0 ? fail() : { text: `note ${value}` }))),
          Note,
        )
      },
      async ({ bus, broker, texts, commits }) => {
        await bus.publish(Reading, reading(1))
        await eventually(() => assert.is(lag(broker), 0))
        assert.equal([texts(), valuesOf(broker, 'note')], [['1'], [{ text: 'note 1' }]])
        const together = commits.filter(({ records = [] }) => records.length > 0)
        assert.is(together.length, exactlyOnce ? 1 : 0)
      },
    )
  })
}

test('exactly once: nothing is seen before the position is committed', () =>
  withBus(
    bus =>
      bus.pipe(
        Reading,
        { exactlyOnce: true, onFailure: 'hand-back' },
        reading$ => reading$.pipe(map(each => (each.value === 1 ? fail() : alarm(each)))),
        Alarm,
      ),
    async ({ bus, texts }) => {
      for (const value of [0, 1, 2, 3]) await bus.publish(Reading, reading(value, `s${value}`))
      await eventually(() => assert.equal(texts(), ['0']))
      await new Promise(resolve => setTimeout(resolve, 30))
      assert.equal(texts(), ['0'], 'what is behind an unfinished record waits')
    },
  ))

test('exactly once: a handler that its time limit has given up adds nothing to the next attempt', () => {
  let attempts = 0
  return withBus(
    bus =>
      bus.pipe(
        Reading,
        { exactlyOnce: true, use: [retry({ delayMs: 20 }), timeout(10)] },
        reading$ => reading$.pipe(map(alarm), delay(attempts++ === 0 ? 25 : 0)),
        Alarm,
      ),
    async ({ bus, broker, texts }) => {
      await bus.publish(Reading, reading(1))
      await eventually(() => assert.is(lag(broker), 0))
      assert.equal(texts(), ['1'])
    },
  )
})

test('exactly once: an attempt that succeeds inside of a middleware that then fails adds nothing', () => {
  let failures = 1
  return withBus(
    bus =>
      bus.pipe(
        Reading,
        {
          exactlyOnce: true,
          use: [
            retry({ delayMs: 1 }),
            async (_context, next) => {
              await next()
              if (failures-- > 0) fail()
            },
          ],
        },
        reading$ => reading$.pipe(map(alarm)),
        Alarm,
      ),
    async ({ bus, broker, texts }) => {
      await bus.publish(Reading, reading(1))
      await eventually(() => assert.is(lag(broker), 0))
      assert.equal(texts(), ['1'])
    },
  )
})

test('exactly once: what fails for good behind its pipeline leaves its dead letter alone', () =>
  withBus(
    bus =>
      bus.pipe(
        Reading,
        { exactlyOnce: true, use: [once, (_context, next) => next().then(fail)] },
        reading$ => reading$.pipe(map(alarm)),
        Alarm,
      ),
    async ({ bus, broker, texts }) => {
      await bus.publish(Reading, reading(1))
      await eventually(() => assert.is(lag(broker), 0))
      assert.is(broker.records('reading.service.dlq').length, 1)
      assert.equal(texts(), [])
    },
  ))

test('exactly once: retries via a topic, and a redrive, are part of it', () => {
  let failures = 3
  return withBus(
    bus =>
      bus.pipe(
        Reading,
        { exactlyOnce: true, use: [retry({ via: 'topic', attempts: 3, delayMs: 1 })] },
        reading$ => reading$.pipe(map(each => (failures-- > 0 ? fail() : alarm(each)))),
        Alarm,
      ),
    async ({ bus, broker, texts, commits }) => {
      await bus.publish(Reading, reading(1))
      await eventually(() => assert.is(broker.records('reading.service.dlq').length, 1))
      await bus.deadLetters('service').replay()
      await eventually(() => assert.equal(texts(), ['1']))
      await eventually(() => assert.is(lag(broker), 0))
      const written = commits.flatMap(({ records = [] }) => records.map(({ topic }) => topic))
      assert.equal(written, [
        'reading.service.retry.1',
        'reading.service.retry.2',
        'reading.service.dlq',
        'alarm',
      ])
    },
  )
})

test('an output comes twice with one id, which idempotent knows', async () => {
  let refusals = 1
  const broker = memoryBroker({ partitions: 1, onCommit: ({ group }) => group !== 'pipe' || refusals-- <= 0 })
  const { bus: first } = testBus({ broker, ...quick })
  const { bus: second } = testBus({ broker, ...quick })
  const got: string[] = []
  const store = memoryStore()
  await deadline(5_000, 'the test', async () => {
    for (const bus of [first, second]) {
      bus.pipe(Reading, { group: 'pipe' }, reading$ => reading$.pipe(map(alarm)), Alarm)
      bus.subscribe(Alarm, { use: [idempotent(store)] }, ({ text }) => void got.push(text))
      await bus.start()
    }
    await first.publish(Reading, reading(1))
    await eventually(() => assert.equal(got, ['1']))
    await first.close()
    await eventually(() => assert.is(broker.positions('pipe')[0]?.lag, 0))
    await second.close()
  })
  assert.equal(got, ['1'])
})

test('refused: exactly once without transactions, without a group, in part of a group, or with marks of completion', async () => {
  const pipeline = () => EMPTY
  const { bus } = testBus()
  const exactlyOnce = true
  refused(
    () => bus.pipe(Reading, { exactlyOnce, group: false }, pipeline, Alarm),
    'CONFIG_INVALID',
    /pipe from reading.*needs a group/,
  )
  bus.subscribe(Note, () => {})
  refused(() => bus.pipe(Reading, { exactlyOnce }, pipeline, Alarm), 'CONFIG_INVALID', /is exactly once/)
  bus.pipe(Reading, { exactlyOnce, group: 'other' }, pipeline, Alarm)
  refused(() => bus.subscribe(Note, { group: 'other' }, () => {}), 'CONFIG_INVALID', /is not exactly once/)
  await bus.close()

  const { bus: marking } = testBus()
  marking.pipe(Reading, { exactlyOnce, use: [idempotent(memoryStore())] }, pipeline, Alarm)
  const thrown = await marking.start().catch((error: unknown) => error as BusbarError)
  assert.is(thrown?.code, 'CONFIG_INVALID')
  assert.match(thrown?.message ?? '', /transactional, and middleware "idempotent"/)
  await marking.close()

  const { bus: toy } = testBus({ transport: new ToyTransport(new ToyBroker()) })
  refused(() => toy.pipe(Reading, { exactlyOnce }, pipeline, Alarm), 'CAPABILITY_MISSING', /no transactions/)
  toy.pipe(Reading, {}, pipeline, Alarm)
  await toy.close()
})

test('refused: what is no event, no pipeline', async () => {
  const { bus } = testBus()
  refused(() => bus.pipe({} as never, {}, () => EMPTY, Alarm), 'EVENT_UNKNOWN', /pipe/)
  refused(() => bus.pipe(Reading, {}, () => EMPTY, {} as never), 'EVENT_UNKNOWN', /target/)
  refused(() => bus.pipe(Reading, {}, 'no' as never, Alarm), 'CONFIG_INVALID', /function/)
  await bus.close()
})

test('the types of what comes out must be those of the target', () => {
  const unused = (bus: Bus) => {
    bus.pipe(Reading, reading$ => reading$.pipe(map(alarm)), Alarm)
    bus.pipe(
      Reading,
      { group: 'g', exactlyOnce: true, concurrency: 3 },
      (reading$, context) => {
        expectTypeOf(context.payload).toEqualTypeOf<Reading>()
        return reading$.pipe(
          map(each => {
            expectTypeOf(each).toEqualTypeOf<Reading>()
            return alarm(each)
          }),
        )
      },
      Alarm,
    )
    // @ts-expect-error an alarm has a text
    bus.pipe(Reading, reading$ => reading$.pipe(map(({ sensor }) => ({ sensor }))), Alarm)
    // @ts-expect-error a reading is no alarm
    bus.pipe(Reading, { exactlyOnce: true }, reading$ => reading$, Alarm)
    // @ts-expect-error of several targets each output names its own
    bus.pipe(Reading, reading$ => reading$.pipe(map(alarm)), [Alarm, Note])
    bus.pipe(Reading, reading$ => reading$.pipe(map(each => to(Alarm, alarm(each)))), [Alarm, Note])
    // @ts-expect-error a note is for no target of this pipe
    bus.pipe(Reading, reading$ => reading$.pipe(map(() => to(Note, { text: '' }))), [Alarm])
    // @ts-expect-error a note has a text
    bus.pipe(Reading, reading$ => reading$.pipe(map(() => to(Note, { note: '' }))), [Note])
    // @ts-expect-error how a group commits is not for its subscriptions to say
    bus.subscribe(Reading, { transactional: true }, () => {})
    // @ts-expect-error only a pipe is exactly once
    bus.subscribe(Reading, { exactlyOnce: true }, () => {})
  }
  assert.type(unused, 'function')
})

function fail(): never {
  throw new Error('planned failure')
}

function filterOut(value: number) {
  return {
    name: 'filter out',
    async event(context: { readonly payload: unknown }, next: () => Promise<void>): Promise<void> {
      if ((context.payload as Reading).value !== value) await next()
    },
  }
}

test.run()
