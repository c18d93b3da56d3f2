import {
  type Bus,
  BusbarError,
  correlation,
  currentCorrelation,
  type Delivery,
  type DeliveryReport,
  defineEvent,
  type InboundRecord,
  type Middleware,
  type MiddlewareLike,
  type Outcome,
  type PublishReport,
  withCorrelation,
} from '@busbar/core'
import { ignoreElements, map } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { headerOf, type Service, Thing, type World, world } from '../support/failure-world.js'

const test = suite('streams with a state, as others see them')

const Counted = defineEvent<{ id: string; count: number }>('counted', { key: ({ id }) => id })
const Copied = defineEvent<Thing>('copied')
const Other = defineEvent<Thing>('other', { topic: 'things' })

/** Counts things by their ids, by way of a topic of the group's own. */
function counting(bus: Bus, fail: (thing: Thing) => void = () => {}): void {
  bus
    .stream(Thing, { group: 'counts' })
    .keyed()
    .mapValues(thing => {
      fail(thing)
      return thing
    })
    .groupBy(({ id }) => id, { name: 'by-id' })
    .count({ store: 'counts' })
    .to(Counted, (count, { key }) => ({ id: key, count }))
}

async function run<T>(
  setUp: (service: Service, w: World) => void,
  work: (service: Service, w: World) => Promise<T>,
): Promise<T> {
  await using w = world()
  const service = w.service()
  setUp(service, w)
  await service.bus.start()
  return await work(service, w)
}

const shortOf = ({ event, topic, outcome, attempt }: DeliveryReport) => [event, topic, outcome, attempt]

test('each record of a group is reported once, with all that it is known by; those of no operator are not', async () => {
  const reports = await run(
    ({ bus }) => counting(bus),
    async ({ bus, reports: told }, w) => {
      await bus.publish(Other, { id: 'a' })
      await bus.publish(Thing, { id: 'a' }, { id: 'event-1' })
      await w.advanceUntil(() => w.records('counted').length === 1, 'the count')
      return told
    },
  )
  assert.equal(reports, [
    {
      event: 'thing',
      id: 'event-1',
      group: 'counts',
      subscription: 'counts/streams',
      attempt: 1,
      topic: 'things',
      partition: 0,
      offset: 1,
      timestampMs: reports[0]?.timestampMs,
      outcome: 'done',
    },
    {
      event: 'counts.by-id.repartition',
      id: 'counts.by-id.repartition/0@0',
      group: 'counts',
      subscription: 'counts/streams',
      attempt: 1,
      topic: 'counts.by-id.repartition',
      partition: 0,
      offset: 0,
      timestampMs: reports[1]?.timestampMs,
      outcome: 'done',
    },
  ])
})

test('what is tried again is reported with its attempt, what failed for good with its error, and what was replayed as itself', async () => {
  const no = new Error('no')
  let isBad = true
  const { reports, letter } = await run(
    ({ bus }) =>
      counting(bus, ({ id }) => {
        if (id === 'bad' && isBad) throw no
        if (id === 'once') {
          isBad = true
          throw new BusbarError('PAYLOAD_INVALID', 'never')
        }
      }),
    async ({ bus, reports: told }, w) => {
      await bus.publish(Thing, { id: 'bad' })
      await w.advanceUntil(() => told.length === 1, 'its dead letter')
      await bus.publish(Thing, { id: 'once' })
      await w.advanceUntil(() => told.length === 2, 'the other')
      isBad = false
      await w.advanceUntil(() => w.records('things.counts.dlq').length === 2, 'the commit')
      const [first] = await bus.deadLetters('counts').list()
      await bus.deadLetters('counts').replay(first)
      await w.advanceUntil(() => told.length === 4, 'what came back')
      return { reports: told, letter: first }
    },
  )
  assert.is(letter?.attempts, 5)
  assert.equal(reports.map(shortOf), [
    ['thing', 'things', 'dead-lettered', 5],
    ['thing', 'things', 'dead-lettered', 1],
    ['thing', 'things.counts.retry', 'done', 1],
    ['counts.by-id.repartition', 'counts.by-id.repartition', 'done', 1],
  ])
  assert.is(reports[0]?.error, no)
  assert.is((reports[1]?.error as BusbarError | undefined)?.code, 'PAYLOAD_INVALID')
})

test('a record whose envelope cannot be read is reported for the event of its topic', async () => {
  const reports = await run(
    ({ bus }) => counting(bus),
    async ({ transport, reports: told }, w) => {
      const headers = { ce_type: new Uint8Array([0xff]) }
      await transport.send([{ topic: 'things', key: null, value: new Uint8Array(), headers, timestampMs: 0 }])
      await w.advanceUntil(() => told.length === 1, 'its dead letter')
      return told
    },
  )
  assert.equal(reports.map(shortOf), [['thing', 'things', 'dead-lettered', 1]])
})

test('what is tried again as the bus closes is handed back at once, and told so', async () => {
  await using w = world()
  const first = w.service()
  let failures = 0
  counting(first.bus, () => {
    failures += 1
    throw new Error('not here')
  })
  await first.bus.start()
  await first.bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => failures === 4, 'waiting long for the last attempt')
  const before = w.runtime.now()
  await first.bus.close()
  assert.ok(w.runtime.now() - before < 1_000)
  assert.equal(first.reports.map(shortOf), [['thing', 'things', 'handed back', 4]])
  assert.is((first.reports[0]?.error as BusbarError | undefined)?.code, 'ABORTED')
  const second = w.service()
  counting(second.bus)
  await second.bus.start()
  await w.advanceUntil(() => w.records('counted').length === 1, 'the other instance')
  assert.equal(w.records('things.counts.dlq'), [])
})

test('layers of what observes are around each record and each of its attempts; those of others are not', async () => {
  const seen: string[] = []
  const layer =
    (phase: string): NonNullable<Middleware['record']> =>
    async ({ event, attempt, id }, next) => {
      seen.push(`${phase} ${event} ${attempt}`)
      await next().finally(() => seen.push(`${phase} end ${id}`))
    }
  let failures = 1
  await run(
    ({ bus }) => {
      bus.use({ name: 'seen', observes: true, record: layer('record'), attempt: layer('attempt') })
      bus.use({ name: 'acts', record: layer('other'), attempt: layer('other'), event: layer('other') })
      counting(bus, () => {
        if (failures-- > 0) throw new Error('once')
      })
    },
    async ({ bus, reports }, w) => {
      await bus.publish(Thing, { id: 'a' }, { id: '1' })
      await w.advanceUntil(() => reports.length === 2, 'the count')
    },
  )
  const inner = 'counts.by-id.repartition'
  assert.equal(seen, [
    'record thing 1',
    'attempt thing 1',
    'attempt end 1',
    'attempt thing 2',
    'attempt end 1',
    'record end 1',
    `record ${inner} 1`,
    `attempt ${inner} 1`,
    `attempt end ${inner}/0@0`,
    `record end ${inner}/0@0`,
  ])
})

test('operators run in the correlation of their record, and all that they send carries it on', async () => {
  const seen: unknown[] = []
  const trace = { traceparent: '00-11112222333344445555666677778888-1111222233334444-01', tracestate: 'a=b' }
  const w = await run(
    ({ bus }) => {
      bus.use(correlation())
      bus.stream(Counted, { group: 'reader' }).subscribe(() => void seen.push(currentCorrelation()))
      counting(bus, () => void seen.push(currentCorrelation()))
    },
    async ({ bus }, it) => {
      await withCorrelation({ correlationId: 'first', trace }, () =>
        bus.publish(Thing, { id: 'a' }, { id: 'event-1' }),
      )
      await it.advanceUntil(() => seen.length === 2, 'both')
      return it
    },
  )
  const [counted] = w.records('counted')
  const cause = { correlationId: 'first', causationId: 'event-1', trace }
  assert.equal(seen, [cause, { ...cause, causationId: headerOf(counted as never, 'ce_id') }])
  for (const topic of ['counts.by-id.repartition', 'counted']) {
    const [record] = w.records(topic)
    const carried = ['ce_correlationid', 'ce_causationid', 'traceparent', 'tracestate'].map(name =>
      headerOf(record as never, name),
    )
    assert.equal(carried, ['first', 'event-1', trace.traceparent, trace.tracestate], topic)
  }
  const [change] = w.records('counts.counts.changelog')
  assert.equal(Object.keys(change?.headers ?? {}), ['busbar-stream-time'])
})

test('headers of correlation that are no text fail no record of those who only observe', async () => {
  const bad = new Uint8Array([0x61, 0xff])
  const Foreign = defineEvent<Thing>('foreign', { topic: 'things', foreign: true })
  const w = await run(
    ({ bus }) => {
      bus.use(correlation())
      bus
        .stream(Foreign, { group: 'counts' })
        .keyed()
        .groupBy(({ id }) => id, { name: 'by-id' })
        .count({ store: 'counts' })
        .to(Counted, (count, { key }) => ({ id: key, count }))
    },
    async ({ transport }, it) => {
      const value = Buffer.from('{"id":"a"}')
      const headers = { ce_id: bad, ce_correlationid: bad, traceparent: bad, tracestate: bad }
      await transport.send([{ topic: 'things', key: null, value, headers, timestampMs: 0 }])
      await it.advanceUntil(() => it.records('counted').length === 1, 'the count')
      return it
    },
  )
  assert.equal(w.records('things.counts.dlq'), [])
  const [counted] = w.records('counted')
  assert.is(headerOf(counted as never, 'ce_correlationid'), 'a\ufffd')
})

test('without anybody who observes, records between operators have no more headers than before', async () => {
  const [record] = await run(
    ({ bus }) => counting(bus),
    async ({ bus }, w) => {
      await bus.publish(Thing, { id: 'a' }, { headers: { traceparent: 'x' } })
      await w.advanceUntil(() => w.records('counted').length === 1, 'the count')
      return w.records('counts.by-id.repartition')
    },
  )
  assert.equal(Object.keys(record?.headers ?? {}), ['busbar-event-time', 'busbar-change'])
})

test('a deletion carries on the correlation of its record', async () => {
  const w = await run(
    ({ bus }) => {
      bus.use(correlation())
      bus.table(Thing, { group: 'copy' }).to(Copied)
    },
    async ({ bus }, it) => {
      await bus.publish(Thing, { id: 'a' })
      await bus.publishTombstone(Thing, 'a')
      await it.advanceUntil(() => it.records('copied').length === 2, 'both')
      return it
    },
  )
  const [given, copied] = ['things', 'copied'].map(topic => w.records(topic)[1]) as [
    InboundRecord,
    InboundRecord,
  ]
  assert.is(copied.value, null)
  assert.is(headerOf(copied, 'ce_causationid'), headerOf(given, 'ce_id'))
})

for (const how of ['a stream with a state', 'an exactly-once pipe']) {
  test(`what ${how} writes is told to listeners of publishes, once it is committed`, async () => {
    const told: PublishReport[] = []
    let failures = 2
    const fail = () => {
      if (failures-- > 0) throw new Error('behind the output')
    }
    await run(
      ({ bus }) => {
        bus.onPublish(report => told.push(report))
        if (how.includes('pipe')) {
          const failing: MiddlewareLike = async (_, next) => {
            await next()
            fail()
          }
          const options = { exactlyOnce: true, group: 'pipe', use: [failing] }
          bus.pipe(Thing, options, thing$ => thing$.pipe(map(({ id }) => ({ id, count: 0 }))), Counted)
        } else {
          const things = bus.stream(Thing, { group: 'stream' }).keyed()
          things.to(Counted, ({ id }) => ({ id, count: 0 })).forEach(fail)
        }
      },
      async ({ bus }, w) => {
        await bus.publish(Thing, { id: 'a' })
        await w.advanceUntil(() => w.records('counted').length > 0, 'the output')
      },
    )
    assert.is(failures, -1)
    assert.equal(
      told.map(({ kind, event, error }) => [kind, event, error]),
      [
        ['event', 'thing', undefined],
        ['event', 'counted', undefined],
      ],
    )
  })
}

test('a record that leads to nothing brings nothing with its acknowledgement, whoever listens to publishes', async () => {
  const outcomes: Outcome[] = []
  await run(
    ({ bus, transport }) => {
      const subscribe = transport.subscribe.bind(transport)
      const watch = (delivery: Delivery): Delivery => ({
        ...delivery,
        settle: outcome => {
          outcomes.push(outcome)
          return delivery.settle(outcome)
        },
      })
      transport.subscribe = (spec, deliver) =>
        subscribe(spec, batch => deliver({ ...batch, deliveries: batch.deliveries.map(watch) }))
      bus.onPublish(() => {})
      bus.pipe(Thing, { exactlyOnce: true, group: 'pipe' }, thing$ => thing$.pipe(ignoreElements()), Counted)
    },
    async ({ bus }, w) => {
      await bus.publish(Thing, { id: 'a' })
      await w.advanceUntil(() => outcomes.length === 1, 'its end')
    },
  )
  assert.equal(outcomes, [{ kind: 'ack' }])
})

test.run()
