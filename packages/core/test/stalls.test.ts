import { BusbarError, type BusEvent, defineEvent, type OutboundRecord, retry } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { type Observable, tap } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deferred } from './support/assertions.js'
import { Thing, until, type World, world } from './support/failure-world.js'

const test = suite('health tells of stalls')
const health = { stalledAfterMs: 60_000 }
const hour = 3_600_000
/** What fails comes back by a topic, an hour later. */
const hourly = { use: [retry({ attempts: 2, delayMs: hour, maxDelayMs: hour, via: 'topic' })] }

test('a partition of which nothing is finished is red after the time, with its lag and what runs', async () => {
  await using w = world()
  const { bus } = w.service({ health })
  const { promise: opened, resolve: open } = deferred()
  let running = 0
  bus.subscribe(Thing, async () => {
    running += 1
    await opened
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await bus.publish(Thing, { id: 'b', key: 'other' })
  await until(() => running === 2, 'the handlers')
  await w.runtime.advance(59_000)
  assert.is((await bus.health()).status, 'green')
  await w.runtime.advance(1_000)
  const red = await bus.health()
  assert.is(red.status, 'red')
  assert.equal(
    red.problems.map(({ kind, what, reason, group, topic, partition }) => [
      kind,
      what,
      reason,
      group,
      topic,
      partition,
    ]),
    [
      [
        'stalled',
        'partition things/0 of group service',
        '2 records wait, and none has been finished for 60 s: 2 handlers run',
        'service',
        'things',
        0,
      ],
    ],
  )
  const [partition] = red.partitions
  assert.equal(
    [
      partition?.committed,
      partition?.end,
      partition?.lag,
      partition?.isHeld,
      partition?.running,
      partition?.waitingMs,
    ],
    [0, 2, 2, true, 2, 60_000],
  )
  open()
  await w.advanceUntil(() => w.committed('service') === 2, 'the end')
  const green = await bus.health()
  assert.equal(
    [green.status, green.partitions.find(({ topic }) => topic === 'things')?.waitingMs],
    ['green', 0],
  )
})

test('one key that is retried is no stall while others are finished', async () => {
  await using w = world()
  const { bus, reports } = w.service({ health })
  bus.subscribe(
    Thing,
    { use: [retry({ attempts: Number.POSITIVE_INFINITY, backoff: 'fixed', delayMs: 1_000 })] },
    ({ id }) => {
      if (id === 'bad') throw new Error('no')
    },
  )
  await bus.start()
  await bus.publish(Thing, { id: 'bad' })
  for (let good = 1; good <= 3; good++) {
    await bus.publish(Thing, { id: `good ${good}` })
    await until(() => reports.length === good, 'a good one')
    await w.runtime.advance(50_000)
    assert.is((await bus.health()).status, 'green')
  }
  await w.runtime.advance(60_000)
  assert.is((await bus.health()).status, 'red')
})

test('a record that fails again and again without an end is a stall, however short each try', async () => {
  await using w = world()
  const consume = { redelivery: { delayMs: 100, maxDelayMs: 1_000 } }
  const { bus } = w.service({ health, consume })
  bus.subscribe(Thing, { onFailure: 'hand-back' }, () => {
    throw new Error('no')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  for (let step = 0; step < 130; step++) await w.runtime.advance(500)
  assert.is((await bus.health()).status, 'red')
})

test('a record in a retry topic that is not due yet is no stall', async () => {
  await using w = world()
  const { bus } = w.service({ health })
  bus.subscribe(Thing, hourly, () => {
    throw new Error('no')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => w.records('things.service.retry.1').length === 1, 'the retry topic')
  for (let minute = 0; minute < 58; minute++) {
    await w.runtime.advance(60_000)
    assert.is((await bus.health()).status, 'green', `minute ${minute}`)
  }
})

test('records that wait while no handler runs are a stall, seen from one look to the next', async () => {
  await using w = world()
  const { bus, transport } = w.service({ health })
  const subscribe = transport.subscribe.bind(transport)
  // A consumer that is a zombie: it is a member, and delivers nothing.
  transport.subscribe = (spec, _deliver) => subscribe(spec, () => new Promise(() => {}))
  bus.subscribe(Thing, () => {})
  await bus.start()
  await w.runtime.advance(3_600_000)
  await bus.publish(Thing, { id: 'a' })
  assert.is((await bus.health()).status, 'green', 'an idle hour is no stall')
  await w.runtime.advance(60_000)
  const { status, problems } = await bus.health()
  assert.is(status, 'red')
  assert.match(problems[0]?.reason ?? '', /1 record waits, .* no handler runs/)
})

test('what another instance holds is told and is no problem of this one', async () => {
  await using w = world({ partitions: 2 })
  const [one, other] = [w.service({ health }), w.service({ health })]
  for (const { bus } of [one, other]) bus.subscribe(Thing, () => new Promise(() => {}))
  await Promise.all([one.bus.start(), other.bus.start()])
  for (let id = 0; id < 20; id++) await one.bus.publish(Thing, { id: String(id) })
  await w.runtime.advance(100_000)
  await one.bus.health()
  await other.bus.health()
  await w.runtime.advance(60_000)
  for (const { bus } of [one, other]) {
    const { problems, partitions } = await bus.health()
    const held = partitions.filter(({ isHeld }) => isHeld)
    assert.equal(
      [
        partitions.filter(({ topic }) => topic === 'things').length,
        held.filter(({ topic }) => topic === 'things').length,
      ],
      [2, 1],
    )
    assert.equal(
      problems.map(({ partition }) => partition),
      held.filter(({ topic }) => topic === 'things').map(({ partition }) => partition),
    )
  }
})

test('a broker that does not answer is a problem within the time, and no look hangs', async () => {
  await using w = world()
  const { bus, transport } = w.service()
  bus.subscribe(Thing, () => {})
  await bus.start()
  const { positions } = transport
  let asked = 0
  transport.positions = () => {
    asked += 1
    return new Promise(() => {})
  }
  const [first] = [1, 2, 3].map(() => bus.health({ timeoutMs: 500 }))
  await w.runtime.advance(500)
  const { status, problems } = await deadline(5_000, 'the look', first as ReturnType<typeof bus.health>)
  assert.equal([status, problems[0]?.kind], ['red', 'broker'])
  assert.is(asked, 1, 'who asks meanwhile waits for the same answer')
  const sinceMs = problems[0]?.sinceMs
  await w.runtime.advance(10_001)
  assert.match(problems[0]?.reason ?? '', /did not answer within 500 ms/)
  transport.positions = () => Promise.reject(new BusbarError('CONNECTION_FAILED', 'nobody there'))
  const again = (await bus.health()).problems[0]
  assert.match(again?.reason ?? '', /nobody there/)
  assert.is(again?.sinceMs, sinceMs, 'it began when it began')
  transport.positions = positions
  assert.is((await bus.health()).status, 'green')
})

test('a record that is not due yet does not hide a handler that hangs', async () => {
  await using w = world()
  const { bus } = w.service({ health })
  bus.subscribe(Thing, hourly, (_, { attempt, key }) => {
    if (attempt === 1) throw new Error('no')
    return key === 'hangs' ? new Promise(() => {}) : undefined
  })
  await bus.start()
  await bus.publish(Thing, { id: 'hangs' })
  await w.advanceUntil(() => w.records('things.service.retry.1').length === 1, 'the retry topic')
  await w.runtime.advance(hour)
  await bus.publish(Thing, { id: 'later' })
  await w.advanceUntil(() => w.records('things.service.retry.1').length === 2, 'the retry topic')
  await bus.health()
  await w.runtime.advance(60_000)
  const { problems } = await bus.health()
  assert.equal(
    problems.map(({ kind, topic }) => [kind, topic]),
    [['stalled', 'things.service.retry.1']],
  )
})

test('what a failed record was the reason of is over when its partition is another instance’s, or its group is left', async () => {
  await using w = world({ partitions: 2 })
  const away = (record: OutboundRecord) => {
    if (record.topic.endsWith('.dlq')) throw new BusbarError('PUBLISH_FAILED', 'the topic is away')
  }
  const { bus } = w.refusing(away)
  const once = { use: [retry({ attempts: 1 })] }
  const subscription = bus.subscribe(Thing, once, () => {
    throw new Error('no')
  })
  await bus.start()
  for (let id = 0; id < 8; id++) await bus.publish(Thing, { id: String(id) })
  const kinds = async () => (await bus.health()).problems.map(({ kind }) => kind)
  const count = await eventuallyMany(w, kinds, 8)
  assert.is(count, 8)
  const other = w.service()
  other.bus.subscribe(Thing, () => {})
  const starting = other.bus.start()
  await w.runtime.advance(5_000)
  await starting
  await w.runtime.advance(5_000)
  const held = (await bus.health()).partitions.filter(({ isHeld, topic }) => isHeld && topic === 'things')
  const { problems } = await bus.health()
  assert.ok(problems.length > 0 && problems.length < 8, `${problems.length} problems`)
  assert.ok(problems.every(problem => held.some(({ partition }) => partition === problem.partition)))
  const closing = subscription.close({ timeoutMs: 100 })
  await w.runtime.advance(1_000)
  await closing
  assert.equal(await kinds(), [])
})

async function eventuallyMany(
  w: World,
  list: () => Promise<readonly unknown[]>,
  count: number,
): Promise<number> {
  for (let step = 0; step < 100; step++) {
    const { length } = await list()
    if (length >= count) return length
    await w.runtime.advance(50)
  }
  return (await list()).length
}

test('what a transactional group has handled is no progress before it is committed', async () => {
  await using w = world()
  const { bus, transport } = w.service({ health })
  const subscribe = transport.subscribe.bind(transport)
  // Handled, and never committed: its acknowledgements get lost.
  transport.subscribe = (spec, deliver) =>
    subscribe(spec, batch =>
      deliver({
        ...batch,
        deliveries: batch.deliveries.map(delivery => ({ ...delivery, settle: () => true })),
      }),
    )
  let handled = 0
  const pipeline = (things: Observable<Thing>) => things.pipe(tap(() => handled++))
  bus.pipe(Thing, { exactlyOnce: true }, pipeline, defineEvent<Thing>('copied'))
  await bus.start()
  for (let step = 0; step < 3; step++) {
    await bus.publish(Thing, { id: String(step) })
    await until(() => handled === step + 1, 'the handler')
    await bus.health()
    await w.runtime.advance(30_000)
  }
  const { status, problems } = await bus.health()
  assert.is(status, 'red')
  assert.match(problems[0]?.reason ?? '', /^3 records wait, and none has been committed for \d+ s$/)
})

test('a consumer that has failed is forgotten with its group', async () => {
  await using w = world()
  const { bus, transport } = w.service()
  const connect = transport.connect.bind(transport)
  let tell: (event: BusEvent) => void = () => {}
  transport.connect = options => {
    tell = options.onEvent
    return connect(options)
  }
  const subscription = bus.subscribe(Thing, () => {})
  await bus.start()
  tell({ type: 'consumer-failed', group: 'service', error: new BusbarError('GROUP_DENIED', 'no') })
  assert.equal(
    (await bus.health()).problems.map(({ kind }) => kind),
    ['consumer-failed'],
  )
  await subscription.close()
  assert.is((await bus.health()).status, 'green')
})

test('a topic that the group read once and reads no more is no lag of its', async () => {
  await using w = world()
  const Other = defineEvent<Thing>('other', { topic: 'others' })
  {
    const { bus } = w.service()
    bus.subscribe(Other, () => {})
    bus.subscribe(Thing, () => {})
    await bus.start()
    await bus.publish(Other, { id: 'a' })
    await bus.close()
  }
  const { bus } = w.service({ health })
  bus.subscribe(Thing, () => {})
  await bus.start()
  await bus.publish(Other, { id: 'b' })
  const { partitions } = await bus.health()
  assert.ok(w.broker.positions('service').some(({ topic }) => topic === 'others'))
  assert.equal([...new Set(partitions.map(({ topic }) => topic))].sort(), ['things', 'things.service.retry'])
})

test('the state is told from its making to its end', async () => {
  await using w = world()
  const { bus } = w.service()
  const states = [bus.state]
  const starting = bus.start()
  states.push(bus.state)
  await starting
  states.push(bus.state)
  const draining = bus.drain()
  states.push(bus.state)
  await draining
  await bus.close()
  states.push(bus.state)
  assert.equal(states, ['new', 'starting', 'running', 'draining', 'closed'])
  assert.is((await bus.health()).state, 'closed')
})

test.run()
