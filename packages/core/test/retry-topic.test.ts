import assert from 'node:assert/strict'
import { BusbarError, defineEvent, retry } from '@busbar/core'
import { suite } from 'uvu'
import { throws } from './support/assertions.js'
import { headerOf, Thing, until, world } from './support/failure-world.js'

const test = suite('retry via topic')

const viaTopic = (attempts = 3, delayMs = 1_000) => retry({ via: 'topic', attempts, delayMs })

test('moves through a topic for each attempt, each when it is due, and ends as a dead letter', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const starts: string[] = []
  const from = w.runtime.now()
  bus.subscribe(Thing, { use: [viaTopic()] }, (_, context) => {
    starts.push(`${context.attempt} ${context.topic} ${w.runtime.now() - from}`)
    throw new Error('no')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 3, 'its end', 100)
  assert.deepEqual(starts, ['1 things 0', '2 things.service.retry.1 1000', '3 things.service.retry.2 3000'])
  assert.deepEqual(
    reports.map(report => report.outcome),
    ['rescheduled', 'rescheduled', 'dead-lettered'],
  )
  const [letter] = w.records('things.service.dlq')
  assert.equal(headerOf(letter as never, 'busbar-attempts'), '3')
  assert.equal(headerOf(letter as never, 'busbar-original-topic'), 'things')
})

test('comes back to its group and its subscription only', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const seen: string[] = []
  const note =
    (name: string, fail = false) =>
    (_: Thing, { attempt }: { attempt: number }) => {
      seen.push(`${name}${attempt}`)
      if (fail && attempt === 1) throw new Error('no')
    }
  bus.subscribe(Thing, { name: 'fails', use: [viaTopic()] }, note('fails', true))
  bus.subscribe(Thing, { name: 'neighbour', use: [viaTopic()] }, note('neighbour'))
  bus.subscribe(Thing, { group: 'other', use: [viaTopic()] }, note('other'))
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 4, 'all')
  await w.runtime.advance(60_000)
  assert.deepEqual(seen.sort(), ['fails1', 'fails2', 'neighbour1', 'other1'])
})

test('holds up neither its key nor any other', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const seen: string[] = []
  bus.subscribe(Thing, { use: [viaTopic()] }, ({ id }, { attempt }) => {
    seen.push(`${id}${attempt}`)
    if (id === 'a' && attempt === 1) throw new Error('no')
  })
  await bus.start()
  await bus.publishBatch(Thing, [
    { id: 'a', key: 'k' },
    { id: 'b', key: 'k' },
    { id: 'c', key: 'l' },
  ])
  await until(() => reports.length === 3, 'all but the retry')
  assert.deepEqual(
    seen,
    ['a1', 'b1', 'c1'].sort((x, y) => seen.indexOf(x) - seen.indexOf(y)),
  )
  assert.ok(!seen.includes('a2'))
})

test('its wait survives a restart, and attempts go on from there', async () => {
  await using w = world()
  const hourMs = 3_600_000
  const first = w.service()
  first.bus.subscribe(
    Thing,
    { use: [retry({ via: 'topic', attempts: 2, delayMs: hourMs, maxDelayMs: hourMs })] },
    () => {
      throw new Error('no')
    },
  )
  await first.bus.start()
  await first.bus.publish(Thing, { id: 'a' })
  await until(() => first.reports.length === 1, 'rescheduled')
  await w.runtime.advance(hourMs / 2)
  await first.bus.close()
  const second = w.service()
  const seen: string[] = []
  const due = w.runtime.now() + hourMs / 2
  second.bus.subscribe(
    Thing,
    { use: [retry({ via: 'topic', attempts: 2, delayMs: hourMs, maxDelayMs: hourMs })] },
    ({ id }, { attempt }) => {
      seen.push(`${id} ${attempt} ${w.runtime.now() >= due}`)
    },
  )
  await second.bus.start()
  await w.runtime.advance(hourMs / 2 - 1_000)
  assert.deepEqual(seen, [])
  await w.runtime.advance(2_000)
  await until(() => seen.length === 1, 'it came')
  assert.deepEqual(seen, ['a 2 true'])
  assert.deepEqual(
    second.reports.map(report => report.outcome),
    ['done'],
  )
})

test('records of one key that wait together count their attempts one by one', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const seen: string[] = []
  bus.subscribe(Thing, { use: [viaTopic(4, 1_000)] }, ({ id }, { attempt }) => {
    seen.push(`${id}${attempt}`)
    throw new Error('no')
  })
  await bus.start()
  const ids = ['a', 'b', 'c', 'd']
  for (const id of ids) await bus.publish(Thing, { id, key: 'k' })
  await w.advanceUntil(
    () => reports.filter(report => report.outcome === 'dead-lettered').length === 4,
    'all',
    500,
  )
  for (const id of ids)
    assert.deepEqual(
      seen.filter(each => each.startsWith(id)),
      [1, 2, 3, 4].map(attempt => `${id}${attempt}`),
    )
})

test('a record of another producer keeps its id', async () => {
  const Foreign = defineEvent<{ n: number }>('foreign', { topic: 'raw', foreign: true })
  await using w = world()
  const { bus, transport, reports } = w.service()
  const ids: string[] = []
  bus.subscribe(Foreign, { use: [viaTopic(2)] }, (_, context) => {
    ids.push(context.id)
    throw new Error('no')
  })
  await bus.start()
  await transport.send([{ topic: 'raw', key: null, value: Buffer.from('{}'), headers: {}, timestampMs: 5 }])
  await w.advanceUntil(() => reports.length === 2, 'its end')
  assert.deepEqual(ids, ['raw/0@0', 'raw/0@0'])
  assert.equal((await bus.deadLetters().list())[0]?.id, 'raw/0@0')
})

test('what its retry topic does not take for now is handed back, and no dead letter for a reason that is not its own', async () => {
  await using w = world()
  let isDown = true
  const { bus, reports } = w.refusing(({ topic }) => {
    if (isDown && topic.includes('.retry.')) throw new BusbarError('CONNECTION_FAILED', 'the broker is away')
  })
  const attempts: number[] = []
  bus.subscribe(Thing, { use: [viaTopic(2)] }, (_, { attempt }) => {
    attempts.push(attempt)
    throw new Error('the handler failed')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => reports.length === 1, 'its first end')
  assert.equal(reports[0]?.outcome, 'handed back')
  assert.deepEqual(w.records('things.service.dlq'), [])
  isDown = false
  await w.advanceUntil(() => reports.at(-1)?.outcome === 'dead-lettered', 'its end')
  const [letter] = await bus.deadLetters().list()
  assert.equal(letter?.message, 'the handler failed')
})

test('what is too large for its retry topic becomes a dead letter with the reason of its handler', async () => {
  await using w = world()
  const { bus, reports } = w.refusing(({ topic }) => {
    if (topic.includes('.retry.')) throw new BusbarError('RECORD_TOO_LARGE', 'too large')
  })
  bus.subscribe(Thing, { use: [viaTopic(3)] }, () => {
    throw new Error('the handler failed')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 1, 'its end')
  const [letter] = await bus.deadLetters().list()
  assert.equal(letter?.message, 'the handler failed')
})

test('headers that somebody copied into the topic itself mean nothing', async () => {
  await using w = world()
  const { bus, transport, reports } = w.service()
  const seen: { attempt: number; origin: string }[] = []
  bus.subscribe(
    Thing,
    { use: [viaTopic(3)] },
    (_, { attempt, origin }) => void seen.push({ attempt, origin: origin.topic }),
  )
  await bus.start()
  const headers = {
    ce_specversion: '1.0',
    ce_id: 'copied',
    ce_type: 'thing',
    ce_source: 'x',
    'busbar-attempts': '3',
    'busbar-due-at': String(w.runtime.now() + 60_000),
    'busbar-original-topic': 'elsewhere',
  }
  await transport.send([
    { topic: 'things', key: null, value: Buffer.from('{"id":"copied"}'), headers, timestampMs: 1 },
  ])
  await until(() => reports.length === 1, 'handled at once')
  assert.deepEqual(seen, [{ attempt: 1, origin: 'things' }])
})

test('is refused for a broadcast', async () => {
  await using w = world()
  const { bus } = w.service()
  const subscribe = () => bus.subscribe(Thing, { group: false, use: [viaTopic()] }, () => {})
  assert.match(throws(subscribe, 'CONFIG_INVALID').message, /retry.*broadcast/)
})

test('a wait that the bus does not see to the end is no attempt', async () => {
  await using w = world()
  const first = w.service()
  const attempts: number[] = []
  const handler = (_: Thing, { attempt }: { attempt: number }) => {
    attempts.push(attempt)
    throw new Error('no')
  }
  first.bus.subscribe(Thing, { use: [viaTopic(3, 10_000)] }, handler)
  await first.bus.start()
  await first.bus.publish(Thing, { id: 'a' })
  await until(() => first.reports.length === 1, 'rescheduled')
  for (let restart = 0; restart < 3; restart++) {
    const next = w.service()
    next.bus.subscribe(Thing, { use: [viaTopic(3, 10_000)] }, handler)
    await next.bus.start()
    await w.runtime.advance(100)
    await next.bus.close()
  }
  await w.advanceUntil(() => attempts.length === 3, 'its attempts', 1_000)
  assert.deepEqual(attempts, [1, 2, 3])
})

test.run()
