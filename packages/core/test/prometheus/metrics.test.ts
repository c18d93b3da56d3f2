import {
  type Bus,
  BusbarError,
  createBus,
  defineEvent,
  defineRequest,
  filter,
  idempotent,
  type Middleware,
  memoryStore,
  retry,
  silentLogger,
  timeout,
} from '@busbar/core'
import { metrics } from '@busbar/core/prometheus'
import { memoryTransport } from '@busbar/transport-memory'
import { Registry } from 'prom-client'
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BoundedNames } from '../../dist/prometheus/series.js'
import { deferred, rejects, throws } from '../support/assertions.js'
import { Thing, until, world } from '../support/failure-world.js'
import { sampleOf, seriesOf } from './support.js'

const test = suite('metrics')
const Ask = defineRequest<Thing, string>('ask')
const ofThing = { bus: 'service', group: 'service', subscription: 'service/thing', event: 'thing' }

test('each outcome of a delivery is counted once, with the reason of what was skipped', async () => {
  await using w = world()
  const register = new Registry()
  const { bus, reports } = w.service()
  bus.use(metrics(register))
  const fail = () => {
    throw new Error('no')
  }
  bus.subscribe(Thing, { name: 'done' }, () => {})
  bus.subscribe(Thing, { name: 'filtered', use: [filter(() => false)] }, fail)
  bus.subscribe(Thing, { name: 'duplicate', use: [idempotent(memoryStore())] }, () => {})
  bus.subscribe(Thing, { name: 'dead-lettered', use: [retry({ attempts: 2, delayMs: 1 })] }, fail)
  bus.subscribe(
    Thing,
    { name: 'rescheduled', use: [retry({ attempts: 2, delayMs: 60_000, via: 'topic' })] },
    fail,
  )
  let isBad = true
  bus.subscribe(Thing, { name: 'handed-back', onFailure: 'hand-back' }, () => {
    if (isBad) fail()
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' }, { id: 'same' })
  await until(() => reports.some(({ outcome }) => outcome === 'handed back'), 'handed back')
  isBad = false
  await w.advanceUntil(() => reports.length === 7, 'all ends', 10)
  await bus.publish(Thing, { id: 'b' }, { id: 'same' })
  await w.advanceUntil(() => reports.length === 13, 'all ends again', 10)
  const counted = async (subscription: string, outcome: string) =>
    sampleOf(register, 'busbar_deliveries_total', { subscription, outcome })
  assert.is(await counted('done', 'done'), 2)
  assert.is(await counted('done', 'dead-lettered'), 0)
  assert.is(await counted('filtered', 'filtered'), 2)
  assert.is(await counted('duplicate', 'done'), 1)
  assert.is(await counted('duplicate', 'duplicate'), 1)
  assert.is(await counted('dead-lettered', 'dead-lettered'), 2)
  assert.is(await counted('dead-lettered', 'done'), 0)
  assert.is(await counted('rescheduled', 'rescheduled'), 2)
  assert.is(await counted('handed-back', 'handed-back'), 1)
  assert.is(await counted('handed-back', 'done'), 2)
})

test('each attempt is timed, each failed one counted by its code, and each that follows one as a retry', async () => {
  await using w = world()
  const register = new Registry()
  const { bus, reports } = w.service()
  bus.use(metrics(register))
  bus.subscribe(Thing, { use: [retry({ attempts: 4, delayMs: 1 }), timeout(5_000)] }, async (_, context) => {
    if (context.attempt === 1) throw new TypeError('a secret')
    if (context.attempt === 2) await new Promise(() => {})
    if (context.attempt === 3) throw new BusbarError('CLAIM_LOST', 'gone')
    await context.wait(2_000)
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 1, 'its end', 1_000)
  const failures = (code: string) => sampleOf(register, 'busbar_attempt_failures_total', { ...ofThing, code })
  assert.is(await failures('HANDLER_FAILED'), 1)
  assert.is(await failures('HANDLER_TIMEOUT'), 1)
  assert.is(await failures('CLAIM_LOST'), 1)
  assert.is(await sampleOf(register, 'busbar_retries_total', ofThing), 3)
  assert.is(await sampleOf(register, 'busbar_handler_duration_seconds_count', ofThing), 4)
  assert.is(await sampleOf(register, 'busbar_handler_duration_seconds_sum', ofThing), 7)
  assert.is(await sampleOf(register, 'busbar_handler_duration_seconds_bucket', { ...ofThing, le: '5' }), 4)
  assert.is(await sampleOf(register, 'busbar_handler_duration_seconds_bucket', { ...ofThing, le: '2.5' }), 3)
  assert.not.match(await register.metrics(), /secret/)
})

test('latency counts from the first publication, through retry topics and a clock that is ahead', async () => {
  await using w = world()
  const register = new Registry()
  const { bus, transport, reports } = w.service()
  // A broker that writes its own time into what comes.
  const send = transport.send.bind(transport)
  transport.send = records =>
    send(
      records.map(each => (each.topic.includes('retry') ? { ...each, timestampMs: w.runtime.now() } : each)),
    )
  bus.use(metrics(register))
  bus.subscribe(
    Thing,
    { use: [retry({ attempts: 2, delayMs: 60_000, via: 'topic' })] },
    async ({ id }, context) => {
      if (id !== 'late' || context.attempt > 1) return
      await context.wait(10_000)
      throw new Error('no')
    },
  )
  await bus.start()
  await bus.publish(Thing, { id: 'late' })
  await w.advanceUntil(() => reports.at(-1)?.outcome === 'done', 'its end', 1_000)
  const sum = (await sampleOf(register, 'busbar_end_to_end_latency_seconds_sum', ofThing)) as number
  assert.ok(sum >= 40 && sum < 50, `${sum} s`)
  assert.is(await sampleOf(register, 'busbar_end_to_end_latency_seconds_count', ofThing), 1)
  const ahead = await bus.encode(Thing, { id: 'ahead' })
  const timeless = await bus.encode(Thing, { id: 'timeless' })
  await bus.send([{ ...ahead, timestampMs: ahead.timestampMs + 5_000 }])
  await bus.send([{ ...timeless, timestampMs: -1 }])
  await until(() => reports.length === 4, 'both')
  assert.is(await sampleOf(register, 'busbar_end_to_end_latency_seconds_sum', ofThing), sum)
  assert.is(await sampleOf(register, 'busbar_end_to_end_latency_seconds_count', ofThing), 2)
})

test('publishes are counted when they are stored, and failures by code wherever they happen', async () => {
  await using w = world()
  const register = new Registry()
  const { bus } = w.refusing(({ key }) => {
    if (String(Buffer.from(key ?? '')) === 'refused') throw new BusbarError('PUBLISH_FAILED', 'not now')
  })
  const Strict = defineEvent<Thing>('strict', { topic: 'things', key: thing => thing.id })
  bus.use(metrics(register), {
    name: 'guard',
    publish: async (context, next) => {
      if ((context.payload as Thing).id === 'forbidden') throw new Error('by the guard')
      await next()
    },
  })
  await bus.start()
  await bus.publish(Strict, { id: 'a' })
  await bus.publishBatch(Strict, [{ id: 'b' }, { id: 'c' }])
  await rejects(bus.publish(Strict, { id: 'refused' }), 'PUBLISH_FAILED')
  await bus.publish(Strict, { id: 'forbidden' }).catch(() => {})
  await rejects(bus.publish(Strict, 1n as never), 'ENCODE_FAILED')
  const kept = await bus.encode(Strict, { id: 'kept' })
  const ofStrict = { bus: 'service', kind: 'event', event: 'strict' }
  assert.is(await sampleOf(register, 'busbar_published_total', ofStrict), 3)
  await bus.send([kept, kept])
  assert.is(await sampleOf(register, 'busbar_published_total', ofStrict), 5)
  const failures = (code: string) =>
    sampleOf(register, 'busbar_publish_failures_total', { ...ofStrict, code })
  assert.is(await failures('PUBLISH_FAILED'), 2)
  assert.is(await failures('ENCODE_FAILED'), 1)
})

test('of a batch that was stored in part, each record counts as what it was', async () => {
  await using w = world()
  const register = new Registry()
  const { bus, transport } = w.service()
  bus.use(metrics(register))
  transport.send = async () => {
    const error = new BusbarError('RECORD_TOO_LARGE', 'too large')
    throw new BusbarError('PUBLISH_PARTIAL', 'one was not stored', { failures: [{ index: 1, error }] })
  }
  await bus.start()
  await rejects(bus.publishBatch(Thing, [{ id: 'a' }, { id: 'b' }, { id: 'c' }]), 'PUBLISH_PARTIAL')
  assert.is(await sampleOf(register, 'busbar_published_total'), 2)
  assert.is(await sampleOf(register, 'busbar_publish_failures_total', { code: 'RECORD_TOO_LARGE' }), 1)
  assert.is(await sampleOf(register, 'busbar_publish_failures_total', { code: 'PUBLISH_PARTIAL' }), undefined)
})

test('what waits and what runs is shown while it does: publishes before the start, and handlers', async () => {
  await using w = world()
  const register = new Registry()
  const { bus, reports } = w.service()
  const gate = deferred()
  let running = 0
  bus.use(metrics(register))
  bus.subscribe(Thing, async () => {
    running += 1
    await gate.promise
  })
  const publishing = ['a', 'b', 'c'].map(id => bus.publish(Thing, { id }))
  assert.is(await sampleOf(register, 'busbar_publishes_waiting', { bus: 'service' }), 3)
  assert.is(await sampleOf(register, 'busbar_running', { bus: 'service' }), 0)
  await bus.start()
  await Promise.all(publishing)
  await until(() => running === 3, 'the handlers')
  assert.is(await sampleOf(register, 'busbar_publishes_waiting'), 0)
  assert.is(await sampleOf(register, 'busbar_running'), 1)
  assert.is(await sampleOf(register, 'busbar_handlers_in_flight', ofThing), 3)
  gate.resolve()
  await until(() => reports.length === 3, 'their ends')
  assert.is(await sampleOf(register, 'busbar_handlers_in_flight', ofThing), 0)
})

test('requests have an outcome and a duration; they, their replies and events are published apart', async () => {
  await using w = world()
  const register = new Registry()
  const { bus } = w.service()
  bus.use(metrics(register))
  bus.reply(Ask, async ({ id }, context) => {
    if (id === 'bad') throw new Error('no')
    await context.wait(id === 'slow' ? 60_000 : 1_000)
    return 'yes'
  })
  await bus.start()
  const asked = [
    bus.request(Ask, { id: 'good' }, { timeoutMs: 10_000 }),
    rejects(bus.request(Ask, { id: 'slow' }, { timeoutMs: 3_000 }), 'REQUEST_TIMEOUT'),
    rejects(bus.request(Ask, { id: 'bad' }), 'REMOTE_FAILED'),
  ]
  let isAnswered = false
  void Promise.all(asked).then(() => {
    isAnswered = true
  })
  await w.advanceUntil(() => isAnswered, 'the answers', 500)
  const outcome = (name: string) =>
    sampleOf(register, 'busbar_requests_total', { bus: 'service', event: 'ask', outcome: name })
  assert.is(await outcome('ok'), 1)
  assert.is(await outcome('REQUEST_TIMEOUT'), 1)
  assert.is(await outcome('REMOTE_FAILED'), 1)
  assert.is(await sampleOf(register, 'busbar_request_duration_seconds_count', { event: 'ask' }), 3)
  const seconds = (await sampleOf(register, 'busbar_request_duration_seconds_sum', {
    event: 'ask',
  })) as number
  assert.ok(seconds >= 4 && seconds < 8, `${seconds} s`)
  assert.is(await sampleOf(register, 'busbar_published_total', { kind: 'request', event: 'ask' }), 3)
  assert.is(await sampleOf(register, 'busbar_published_total', { kind: 'reply', event: 'ask.reply' }), 2)
})

test('requestMany is one request, however many answer: ok, or what it lacked, or why it failed', async () => {
  await using w = world()
  const register = new Registry()
  const { bus } = w.service()
  let ended = 0
  const counting: Middleware = { name: 'counting', request: (_, next) => next().finally(() => ended++) }
  bus.use(counting, metrics(register))
  const other = w.service({ name: 'other' }).bus
  for (const responder of [bus, other])
    responder.reply(Ask, ({ id }) => {
      if (id === 'bad') throw new Error('no')
      return 'yes'
    })
  await other.start()
  await bus.start()
  const asked = [
    { id: 'all', timeoutMs: 1_000, count: 2 },
    { id: 'all-of-its-time', timeoutMs: 1_000 },
    { id: 'too-few', timeoutMs: 1_000, count: 3 },
    { id: 'bad', timeoutMs: 1_000, count: 2 },
  ].map(({ id, ...options }) => lastValueFrom(bus.requestMany(Ask, { id }, options).pipe(toArray())))
  let isOver = false
  const all = Promise.all(asked).finally(() => {
    isOver = true
  })
  await w.advanceUntil(() => isOver, 'the ends', 100)
  assert.equal(
    (await all).map(outcomes => outcomes.length),
    [2, 2, 2, 2],
  )
  bus.requestMany(Ask, { id: 'gone' }).subscribe().unsubscribe()
  await firstValueFrom(bus.requestMany(Ask, { id: 'one is enough' }))
  await until(() => ended === 6, 'the layers of all')
  const requests = (await seriesOf(register)).filter(({ name }) => name === 'busbar_requests_total')
  assert.equal(
    new Map(requests.map(({ labels, value }) => [labels['outcome'], value])),
    new Map([
      ['ok', 3],
      ['REQUEST_TIMEOUT', 1],
      ['REMOTE_FAILED', 1],
      ['ABORTED', 1],
    ]),
  )
  assert.is(await sampleOf(register, 'busbar_request_duration_seconds_count', { event: 'ask' }), 6)
  const seconds = (await sampleOf(register, 'busbar_request_duration_seconds_sum', {
    event: 'ask',
  })) as number
  assert.ok(seconds >= 2 && seconds < 3, `${seconds} s`)
})

test('lag is read at the scrape, of all partitions of the groups, whoever holds them', async () => {
  await using w = world({ partitions: 4 })
  const register = new Registry()
  const one = w.service().bus
  const another = w.service().bus
  const gate = deferred()
  for (const bus of [one, another]) bus.subscribe(Thing, () => gate.promise)
  one.use(metrics(register))
  await one.start()
  await another.start()
  for (let id = 0; id < 40; id++) await one.publish(Thing, { id: String(id) })
  await w.runtime.advance(1_000)
  const lagOf = async (topic: string) =>
    (await seriesOf(register)).filter(
      ({ name, labels }) => name === 'busbar_consumer_lag_records' && labels['topic'] === topic,
    )
  const lags = await lagOf('things')
  assert.equal(lags.map(({ labels }) => labels['partition']).toSorted(), ['0', '1', '2', '3'])
  assert.is(
    lags.reduce((sum, { value }) => sum + value, 0),
    40,
  )
  const held = (await seriesOf(register)).filter(
    ({ name, labels, value }) =>
      name === 'busbar_partition_held' && labels['topic'] === 'things' && value === 1,
  )
  assert.is(held.length, 2)
  await w.runtime.advance(60_000)
  const place = { group: 'service', topic: 'things', ...pick(held[0]?.labels ?? {}, 'partition') }
  const waiting = (await sampleOf(register, 'busbar_partition_waiting_seconds', place)) as number
  assert.ok(waiting >= 60 && waiting < 62, `${waiting} s`)
  gate.resolve()
  await w.advanceUntil(() => w.committed('service', 'things', 0) > 0, 'the commit')
  await w.runtime.advance(1_000)
  assert.ok((await lagOf('things')).every(({ value }) => value === 0))
  assert.is(await sampleOf(register, 'busbar_partition_waiting_seconds', place), 0)
})

test('instances of a service in one process count together; who holds a partition knows how long it waits', async () => {
  await using w = world({ partitions: 2 })
  const register = new Registry()
  const buses = [w.service().bus, w.service().bus]
  const gate = deferred()
  let running = 0
  for (const bus of buses) {
    bus.use(metrics(register))
    bus.subscribe(Thing, async () => {
      running += 1
      await gate.promise
    })
    await bus.start()
  }
  for (let id = 0; id < 20; id++) await buses[0]?.publish(Thing, { id: String(id) })
  await until(() => running === 20, 'the handlers')
  assert.is(await sampleOf(register, 'busbar_running', { bus: 'service' }), 2)
  assert.is(await sampleOf(register, 'busbar_handlers_in_flight', ofThing), 20)
  for (const partition of ['0', '1'])
    assert.is(await sampleOf(register, 'busbar_partition_held', { topic: 'things', partition }), 1)
  gate.resolve()
})

test('while the broker does not answer a scrape does, in time, with the problem and without the lag of before', async () => {
  const register = new Registry()
  const transport = memoryTransport()
  await using bus = createBus({ name: 'service', transport, logger: silentLogger })
  bus.use(metrics(register, { scrapeTimeoutMs: 50 }))
  bus.subscribe(Thing, () => {})
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  assert.is.not(
    await sampleOf(register, 'busbar_consumer_lag_records', { topic: 'things', partition: '0' }),
    undefined,
  )
  const limits: (number | undefined)[] = []
  const health = bus.health.bind(bus)
  bus.health = options => {
    limits.push(options?.timeoutMs)
    return health(options)
  }
  let asked = 0
  transport.positions = () => {
    asked += 1
    return new Promise(() => {})
  }
  // Scrapes of several servers at the same time ask the broker once.
  const texts = await Promise.all([register.metrics(), register.metrics(), register.metrics()])
  assert.is(asked, 1)
  assert.equal(limits, [50])
  for (const text of texts) {
    assert.match(text, /^busbar_health_problems\{bus="service",kind="broker"\} 1$/m)
    assert.match(text, /^busbar_published_total\{.*\} 1$/m)
    assert.not.match(text, /^busbar_consumer_lag_records\{/m)
  }
})

test('names beyond the limit are counted together', async () => {
  const register = new Registry()
  const { bus, publish, deliver } = observedBus()
  bus.use(metrics(register, { maxNames: 100 }))
  for (let name = 0; name < 10_000; name++) {
    publish(`event-${name}`)
    deliver(`group-${name}`)
  }
  const series = await seriesOf(register)
  assert.is(series.filter(({ name }) => name === 'busbar_published_total').length, 101)
  assert.is(await sampleOf(register, 'busbar_published_total', { event: 'other' }), 9_900)
  assert.is(
    await sampleOf(register, 'busbar_deliveries_total', { subscription: 'other', outcome: 'done' }),
    9_900,
  )
  assert.ok(series.length < 5_000, `${series.length} series`)
})

test('a million names take no more memory than the limit', () => {
  let made = 0
  const make = () => ++made
  const names = new BoundedNames(100, make)
  for (let name = 0; name < 1_000_000; name++) names.of(`event-${name}`, make)
  assert.is(names.of('event-7', make), 8)
  assert.is(names.of('one more', make), 101)
  assert.is(names.all.length, 101)
  assert.is(made, 101)
})

test('a thousand buses that are made and closed on one register leave nothing on it', async () => {
  const register = new Registry()
  for (let round = 0; round < 1_000; round++) {
    await using bus = createBus({
      name: `bus-${round}`,
      transport: memoryTransport(),
      logger: silentLogger,
    })
    bus.use(metrics(register))
    const handled = new Promise<void>(resolve => bus.subscribe(Thing, () => resolve()))
    await bus.start()
    await bus.publish(Thing, { id: 'a' })
    await handled
    if (round === 0) assert.is(await sampleOf(register, 'busbar_running', { bus: 'bus-0' }), 1)
  }
  // The last scrape of what a bus has counted.
  assert.is(await sampleOf(register, 'busbar_published_total'), 1)
  assert.is(await sampleOf(register, 'busbar_running'), undefined)
  assert.equal(await seriesOf(register), [])
})

test('a handler that ends after its bus brings no series back', async () => {
  await using w = world()
  const register = new Registry()
  const { bus, reports } = w.service()
  const gate = deferred()
  let started = false
  bus.use(metrics(register))
  bus.subscribe(Thing, async () => {
    started = true
    await gate.promise
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => started, 'the handler')
  const closing = bus.close({ timeoutMs: 100 })
  await w.runtime.advance(200)
  await closing
  await register.metrics()
  assert.equal(await seriesOf(register), [])
  gate.resolve()
  await until(() => reports.length === 1, 'its end')
  assert.equal(await seriesOf(register), [])
})

test('a handler that fails because its bus closes is no failure of its own', async () => {
  await using w = world()
  const register = new Registry()
  const { bus, reports } = w.service()
  const kept = w.service({ name: 'service' }).bus
  kept.use(metrics(register))
  let started = false
  bus.use(metrics(register))
  bus.subscribe(Thing, async (_, { signal }) => {
    started = true
    await new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason as Error)),
    )
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => started, 'the handler')
  const closing = bus.close({ timeoutMs: 100 })
  await w.runtime.advance(200)
  await closing
  assert.is(reports.at(-1)?.outcome, 'handed back')
  // The other bus of that name keeps the series.
  assert.is(await sampleOf(register, 'busbar_deliveries_total', { outcome: 'handed-back' }), 1)
  assert.is(await sampleOf(register, 'busbar_attempt_failures_total'), undefined)
  assert.is(await sampleOf(register, 'busbar_running', { bus: 'service' }), 0)
})

test('metrics that come after register.clear() are there again', async () => {
  const register = new Registry()
  const first = createBus({ name: 'first', transport: memoryTransport() })
  first.use(metrics(register))
  register.clear()
  const second = createBus({ name: 'second', transport: memoryTransport() })
  second.use(metrics(register))
  assert.is(await sampleOf(register, 'busbar_running', { bus: 'second' }), 0)
})

test('a middleware of two buses, other buckets on the same register, and wrong options are refused', () => {
  const register = new Registry()
  const make = () => createBus({ name: 'service', transport: memoryTransport() })
  const shared = metrics(register)
  make().use(shared)
  throws(() => make().use(shared), 'CONFIG_INVALID')
  make().use(metrics(register))
  throws(() => make().use(metrics(register, { durationBuckets: [1, 2] })), 'CONFIG_INVALID')
  for (const options of [
    { durationBuckets: [] },
    { durationBuckets: [1, 1] },
    { latencyBuckets: [0, 1] },
    { latencyBuckets: [Number.NaN] },
    { maxNames: 0 },
    { scrapeTimeoutMs: -1 },
  ])
    throws(() => metrics(register, options), 'CONFIG_INVALID')
})

function pick(labels: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return { [name]: labels[name] ?? '' }
}

/** A bus that only tells of what is published and delivered. */
function observedBus() {
  const bus: Bus = createBus({ name: 'service', transport: memoryTransport() })
  const listeners: { publish: (report: never) => void; delivery: (report: never) => void } = {
    publish: () => {},
    delivery: () => {},
  }
  bus.onPublish = listener => {
    listeners.publish = listener
    return () => {}
  }
  bus.onDelivery = listener => {
    listeners.delivery = listener
    return () => {}
  }
  return {
    bus,
    publish: (event: string) => listeners.publish({ kind: 'event', event, durationMs: 1 } as never),
    deliver: (group: string) =>
      listeners.delivery({ event: 'e', group, subscription: `${group}/e`, outcome: 'done' } as never),
  }
}

test.run()
