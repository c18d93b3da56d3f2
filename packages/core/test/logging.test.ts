import assert from 'node:assert/strict'
import {
  type Bus,
  defineError,
  defineEvent,
  defineRequest,
  filter,
  type LoggingOptions,
  logging,
  retry,
} from '@busbar/core'
import { expectTypeOf } from 'expect-type'
import { suite } from 'uvu'
import type { LogLine } from './support/bus.js'
import { type Service, Thing, until, world } from './support/failure-world.js'

const test = suite('logging()')

/** The lines of the middleware: every one has a duration. */
const linesOf = ({ lines }: Service): LogLine[] => lines.filter(({ fields }) => 'durationMs' in fields)

const shortOf = ({ level, message, fields }: LogLine) =>
  [level, message, fields['outcome'], fields['attempt'], fields['durationMs']].filter(
    each => each !== undefined,
  )

async function run(
  given: { options?: LoggingOptions; setUp: (bus: Bus) => void },
  work: (bus: Bus, service: Service, w: ReturnType<typeof world>) => Promise<unknown>,
): Promise<LogLine[]> {
  await using w = world()
  const service = w.service()
  const { bus } = service
  bus.use(logging(given.options))
  given.setUp(bus)
  await bus.start()
  await work(bus, service, w)
  return linesOf(service)
}

test('writes one line for a publish and one for a delivery, with all that they are known by', async () => {
  const lines = await run(
    { setUp: bus => bus.subscribe(Thing, { group: 'readers' }, () => {}) },
    async (bus, { reports }) => {
      await bus.publish(Thing, { id: 'a' }, { id: 'event-1', headers: { tenant: 'north' } })
      await until(() => reports.length === 1, 'the delivery')
    },
  )
  assert.deepEqual(lines, [
    {
      level: 'info',
      message: 'published',
      fields: {
        event: 'thing',
        id: 'event-1',
        topic: 'things',
        kind: 'event',
        durationMs: 0,
        outcome: 'done',
      },
    },
    {
      level: 'info',
      message: 'delivery done',
      fields: {
        event: 'thing',
        id: 'event-1',
        group: 'readers',
        subscription: 'readers/thing',
        attempt: 1,
        topic: 'things',
        partition: 0,
        offset: 0,
        durationMs: 0,
        outcome: 'done',
      },
    },
  ])
})

test('the outcome is that of the whole delivery: attempts counted, waits included, failures not repeated', async () => {
  const use = [retry({ attempts: 3, delayMs: 100, backoff: 'fixed', jitter: 'none' })]
  const failures = new Map([
    ['second', 1],
    ['never', 9],
  ])
  const lines = await run(
    {
      setUp: bus =>
        bus.subscribe(Thing, { use }, ({ id }) => {
          const left = failures.get(id) ?? 0
          failures.set(id, left - 1)
          if (left > 0) throw new Error('no')
        }),
    },
    async (bus, { reports }, w) => {
      await bus.publish(Thing, { id: 'second' })
      await w.advanceUntil(() => reports.length === 1, 'the second attempt')
      await bus.publish(Thing, { id: 'never' })
      await w.advanceUntil(() => reports.length === 2, 'the dead letter')
    },
  )
  assert.deepEqual(lines.filter(({ message }) => message !== 'published').map(shortOf), [
    ['info', 'delivery done', 'done', 2, 100],
    ['info', 'delivery dead-lettered', 'dead-lettered', 3, 200],
  ])
  assert.ok(lines.every(({ fields }) => !('err' in fields)))
})

test('a delivery that is skipped, moved to a retry topic, or handed back says so', async () => {
  const Skipped = defineEvent<Thing>('skipped')
  const Moved = defineEvent<Thing>('moved')
  const Kept = defineEvent<Thing>('kept')
  const fail = () => {
    throw new Error('no')
  }
  const lines = await run(
    {
      setUp: bus => {
        bus.subscribe(Skipped, { use: [filter(() => false)] }, () => {})
        bus.subscribe(Moved, { use: [retry({ attempts: 2, delayMs: 10_000, via: 'topic' })] }, fail)
        bus.subscribe(Kept, { onFailure: 'hand-back' }, fail)
      },
    },
    async (bus, { reports }) => {
      for (const event of [Skipped, Moved, Kept]) await bus.publish(event, { id: 'a' })
      await until(() => reports.length === 3, 'three ends')
    },
  )
  const outcomes = lines
    .filter(({ message }) => message !== 'published')
    .map(({ fields }) => `${String(fields['event'])} ${String(fields['outcome'])}`)
  assert.deepEqual(outcomes.sort(), ['kept failed', 'moved rescheduled', 'skipped skipped'])
})

test('a delivery that is told to stop is handed back, whether its handler heeds that or not', async () => {
  for (const heeds of [true, false]) {
    await using w = world()
    const { bus, reports, lines } = w.service()
    bus.use(logging())
    let isRunning = false
    let finish = () => {}
    const subscription = bus.subscribe(Thing, { group: 'stopped' }, (_, { signal }) => {
      isRunning = true
      return new Promise<void>((resolve, reject) => {
        finish = resolve
        if (heeds) signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    })
    await bus.start()
    await bus.publish(Thing, { id: 'a' })
    await until(() => isRunning, 'the handler')
    const closing = subscription.close({ timeoutMs: 50 })
    await w.runtime.advance(50)
    finish()
    await w.runtime.advance(10_000)
    await closing
    await until(() => reports.length === 1, 'its end')
    const [line, ...more] = lines.filter(({ message }) => message.startsWith('delivery'))
    assert.deepEqual([line?.fields['outcome'], more.length], ['handed back', 0], `heeds: ${heeds}`)
  }
})

test('a request is three lines: request, delivery, reply; one that fails says so at the responder', async () => {
  const Refused = defineError('Refused')
  const Ask = defineRequest<Thing, string>('ask', { errors: { Refused } })
  const lines = await run(
    {
      options: { payload: true },
      setUp: bus =>
        bus.reply(Ask, ({ id }) => {
          if (id === 'bad') throw new Refused(undefined)
          return 'yes'
        }),
    },
    async bus => {
      await bus.request(Ask, { id: 'good' })
      await bus.request(Ask, { id: 'bad' }).catch(() => {})
    },
  )
  const short = ({ message, fields }: LogLine) => [
    message,
    fields['event'],
    fields['kind'],
    fields['payload'],
  ]
  assert.deepEqual(lines.map(short), [
    ['published', 'ask', 'request', { id: 'good' }],
    ['published', 'ask.reply', 'reply', undefined],
    ['delivery done', 'ask', undefined, { id: 'good' }],
    ['published', 'ask', 'request', { id: 'bad' }],
    ['delivery failed', 'ask', undefined, { id: 'bad' }],
    ['published', 'ask.reply', 'reply', undefined],
  ])
})

test('a publish that fails is a warning with the reason, and still rejects', async () => {
  await using w = world()
  const { bus, lines } = w.refusing(() => {
    throw new Error('the disk is full')
  })
  bus.use(logging({ level: 'debug' }))
  await bus.start()
  await assert.rejects(bus.publish(Thing, { id: 'a' }), /the disk is full/)
  const [line] = lines.filter(({ fields }) => 'durationMs' in fields)
  assert.deepEqual(
    [line?.level, line?.message, line?.fields['outcome'], line?.fields['reason']],
    ['warn', 'publish failed', 'failed', 'the disk is full'],
  )
})

test('what is only encoded is not said to be published', async () => {
  const lines = await run({ setUp: () => {} }, bus => bus.encode(Thing, { id: 'a' }))
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['encoded'],
  )
})

test('each record of a batch has its own line', async () => {
  const lines = await run(
    {
      setUp: bus => bus.subscribeBatch(Thing, { maxSize: 2, maxWaitMs: 10 }, ([first]) => first?.done()),
    },
    async (bus, { reports }, w) => {
      await bus.publishBatch(Thing, [{ id: 'a' }, { id: 'b' }])
      await w.advanceUntil(() => reports.length === 2, 'the batch')
    },
  )
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['published', 'published', 'delivery done', 'delivery done'],
  )
})

test('level and payload are options: all, none, or what a function chooses of it', async () => {
  const deliver = async (options: LoggingOptions) => {
    const lines = await run(
      { options, setUp: bus => bus.subscribe(Thing, () => {}) },
      async (bus, { reports }) => {
        await bus.publish(Thing, { id: 'a', key: 'secret' })
        await until(() => reports.length === 1, 'the delivery')
      },
    )
    return lines.map(({ level, fields }) => [level, fields['payload']])
  }
  assert.deepEqual(await deliver({ level: 'debug' }), [
    ['debug', undefined],
    ['debug', undefined],
  ])
  const whole = { id: 'a', key: 'secret' }
  assert.deepEqual(await deliver({ payload: true }), [
    ['info', whole],
    ['info', whole],
  ])
  const choose = (payload: unknown, contract: string) =>
    contract === 'thing' ? { id: (payload as Thing).id } : undefined
  assert.deepEqual(await deliver({ payload: choose }), [
    ['info', { id: 'a' }],
    ['info', { id: 'a' }],
  ])
  assert.deepEqual(await deliver({ payload: () => undefined }), [
    ['info', undefined],
    ['info', undefined],
  ])
})

test('a function that throws over a payload fails nothing, and what it threw is not written', async () => {
  await using w = world()
  const { bus, reports, lines } = w.service()
  bus.use(
    logging({
      payload: payload => {
        throw new Error(`cannot show ${JSON.stringify(payload)}`)
      },
    }),
  )
  bus.subscribe(Thing, () => {})
  await bus.start()
  await bus.publish(Thing, { id: 'quoted' })
  await until(() => reports.length === 1, 'the delivery')
  assert.equal(reports[0]?.outcome, 'done')
  assert.equal(lines.filter(({ message }) => /threw/.test(message)).length, 2)
  assert.doesNotMatch(JSON.stringify(lines), /quoted/)
})

test('options have types', () => {
  expectTypeOf(logging).parameter(0).toEqualTypeOf<LoggingOptions | undefined>()
  // @ts-expect-error there is no such level
  logging({ level: 'trace' })
  // @ts-expect-error headers are never logged
  logging({ headers: true })
})

test('a record of a stream with a state has its line too, with the event that it comes from, and so has what it leads to', async () => {
  const Counted = defineEvent<{ id: string; count: number }>('counted')
  const lines = await run(
    {
      options: { payload: true },
      setUp: bus =>
        bus
          .stream(Thing, { group: 'counts' })
          .groupBy(({ id }) => id, { name: 'by-id' })
          .count({ store: 'counts' })
          .toStream()
          .mapValues(count => {
            if (count === 2) throw new Error('no second')
            return { id: 'x', count }
          })
          .to(Counted),
    },
    async (bus, { reports }, w) => {
      await bus.publish(Thing, { id: 'a' }, { id: 'event-1' })
      await w.advanceUntil(() => reports.length === 2, 'the count')
      await bus.publish(Thing, { id: 'a' }, { id: 'event-2' })
      await w.advanceUntil(() => reports.length === 4, 'the dead letter')
    },
  )
  const inner = 'counts.by-id.repartition'
  assert.deepEqual(
    lines.map(({ message, fields }) => [
      message,
      fields['event'],
      fields['event'] === 'counted' || fields['id'],
      fields['payload'],
    ]),
    [
      ['published', 'thing', 'event-1', { id: 'a' }],
      ['encoded', inner, 'event-1', { id: 'a' }],
      ['delivery done', 'thing', 'event-1', { id: 'a' }],
      ['encoded', 'counted', true, { id: 'x', count: 1 }],
      ['delivery done', inner, 'event-1', { id: 'a' }],
      ['published', 'thing', 'event-2', { id: 'a' }],
      ['encoded', inner, 'event-2', { id: 'a' }],
      ['delivery done', 'thing', 'event-2', { id: 'a' }],
      ['delivery dead-lettered', inner, 'event-2', { id: 'a' }],
    ],
  )
  const known = ['group', 'subscription', 'attempt', 'durationMs'].map(name => lines.at(-1)?.fields[name])
  // With the waits between its attempts.
  assert.deepEqual(known, ['counts', 'counts/streams', 5, 3_000])
})

test('a record of a stream with a state that the bus hands back as it closes is told so', async () => {
  let isWaiting = false
  const lines = await run(
    {
      setUp: bus =>
        bus
          .stream(Thing, { group: 'counts' })
          .keyed()
          .forEach(() => {
            isWaiting = true
            throw new Error('for now')
          }),
    },
    async (bus, _, w) => {
      await bus.publish(Thing, { id: 'a' })
      await w.advanceUntil(() => isWaiting, 'the first attempt')
      await bus.close()
    },
  )
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['published', 'delivery handed back'],
  )
})

test.run()
