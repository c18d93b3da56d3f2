import assert from 'node:assert/strict'
import { defineEvent, type RedriveProgress } from '@busbar/core'
import { suite } from 'uvu'
import { rejects } from './support/assertions.js'
import { Thing, until, world } from './support/failure-world.js'
import { failing, listed, once, run } from './support/redrive.js'

const test = suite('redrive')

test('lists in order with everything that is known of each', async () => {
  await using w = world()
  const { bus } = await failing(w, ['a', 'odd', 'c'])
  assert.deepEqual(await listed(bus), ['a', 'odd', 'c'])
  const [letter] = await bus.deadLetters().list({ where: each => each.message === 'another reason' })
  assert.ok(letter)
  const { event, group, subscription, code, message, attempts, redrives, failedAtMs, origin } = letter
  assert.deepEqual(
    {
      event,
      group,
      subscription,
      code,
      message,
      attempts,
      redrives,
      failedAtMs,
      origin: `${origin.topic}/${origin.partition}@${origin.offset}`,
    },
    {
      event: 'thing',
      group: 'service',
      subscription: 'service/thing',
      code: 'HANDLER_FAILED',
      message: 'another reason',
      attempts: 1,
      redrives: 0,
      failedAtMs: w.runtime.now(),
      origin: 'things/0@1',
    },
  )
})

test('every property of a filter narrows, all together', async () => {
  await using w = world()
  const { bus } = await failing(w, ['a', 'b'])
  const letters = bus.deadLetters()
  const [first] = await letters.list()
  const at = w.runtime.now()
  const count = async (filter: Parameters<typeof letters.list>[0]) => (await letters.list(filter)).length
  assert.equal(
    await count({
      topic: 'things',
      event: 'thing',
      subscription: 'service/thing',
      code: 'HANDLER_FAILED',
      sinceMs: at,
      untilMs: at + 1,
    }),
    2,
  )
  assert.equal(await count({ id: first?.id ?? '' }), 1)
  for (const filter of [
    { topic: 'x' },
    { event: 'x' },
    { subscription: 'x' },
    { code: 'x' },
    { id: 'x' },
    { sinceMs: at + 1 },
    { untilMs: at },
    { where: () => false },
  ]) {
    assert.equal(await count(filter), 0, JSON.stringify(filter))
  }
  assert.equal((await letters.list({}, 1)).length, 1)
})

test('lists nothing where nothing has failed, over several topics and partitions', async () => {
  const Other = defineEvent<Thing>('other', { key: thing => thing.id })
  await using w = world({ partitions: 3 })
  const { bus, reports } = w.service()
  const fail = () => {
    throw new Error('no')
  }
  bus.subscribe(Thing, once, fail)
  bus.subscribe(Other, once, fail)
  await bus.start()
  assert.deepEqual(await bus.deadLetters().list(), [])
  for (let id = 0; id < 9; id++)
    for (const event of [Thing, Other]) await bus.publish(event, { id: String(id) })
  await until(() => reports.length === 18, 'all')
  assert.equal((await bus.deadLetters().list()).length, 18)
  assert.equal((await bus.deadLetters('service', { topics: ['other'] }).list()).length, 9)
  assert.deepEqual(await bus.deadLetters('another-group', { topics: ['things'] }).list(), [])
})

test('a replay after the fix completes all of them in order, and none is listed any more', async () => {
  await using w = world()
  const { bus, handled, fix } = await failing(w, ['a', 'b', 'c'])
  fix()
  const progress: RedriveProgress[] = []
  const result = await run(w, bus.deadLetters().replay({}, { onProgress: each => progress.push(each) }))
  assert.deepEqual(result, { replayed: 3, discarded: 0, refused: 0 })
  assert.deepEqual(
    progress.map(each => each.replayed),
    [1, 2, 3],
  )
  await until(() => handled.length === 3, 'all handled')
  assert.deepEqual(handled, ['a', 'b', 'c'])
  assert.deepEqual(await listed(bus), [])
  assert.equal((await run(w, bus.deadLetters().replay())).replayed, 0)
})

test('one alone can be replayed or discarded', async () => {
  await using w = world()
  const { bus, handled, fix } = await failing(w, ['a', 'b', 'c'])
  fix()
  const [a, b] = await bus.deadLetters().list()
  assert.ok(a && b)
  assert.deepEqual(await run(w, bus.deadLetters().replay(b)), { replayed: 1, discarded: 0, refused: 0 })
  assert.deepEqual(await run(w, bus.deadLetters().discard(a)), { replayed: 0, discarded: 1, refused: 0 })
  assert.deepEqual(await listed(bus), ['c'])
  await until(() => handled.length === 1, 'the one')
  assert.deepEqual(handled, ['b'])
})

test('a dry run counts and changes nothing', async () => {
  await using w = world()
  const { bus } = await failing(w, ['a', 'b'])
  const before = w.records('things.service.dlq').length
  assert.deepEqual(await bus.deadLetters().replay({}, { dryRun: true }), {
    replayed: 2,
    discarded: 0,
    refused: 0,
  })
  assert.deepEqual(await bus.deadLetters().discard({}, { dryRun: true }), {
    replayed: 0,
    discarded: 2,
    refused: 0,
  })
  assert.equal(w.records('things.service.dlq').length, before)
  assert.equal(w.records('things.service.retry').length, 0)
})

test('what fails again counts its redrives, starts its attempts anew, and cannot go round for ever', async () => {
  await using w = world()
  const { bus, reports } = await failing(w, ['a'])
  for (let round = 1; round <= 5; round++) {
    assert.equal((await run(w, bus.deadLetters().replay())).replayed, 1)
    await until(() => reports.length === round + 1, `round ${round}`)
    const [letter] = await bus.deadLetters().list()
    assert.deepEqual([letter?.redrives, letter?.attempts, letter?.origin.offset], [round, 1, 0])
  }
  assert.deepEqual(await run(w, bus.deadLetters().replay()), { replayed: 0, discarded: 0, refused: 1 })
  assert.equal((await run(w, bus.deadLetters().replay({}, { maxRedrives: 6 }))).replayed, 1)
})

test('keeps to its rate, and stops when it is told to', async () => {
  await using w = world()
  const { bus } = await failing(w, ['a', 'b', 'c', 'd'])
  const at: number[] = []
  const stop = new AbortController()
  const from = w.runtime.now()
  const onProgress = () => {
    at.push(w.runtime.now() - from)
    if (at.length === 3) stop.abort()
  }
  const result = await run(w, bus.deadLetters().replay({}, { perSecond: 2, onProgress, signal: stop.signal }))
  assert.equal(result.replayed, 3)
  assert.deepEqual(
    at.map(ms => Math.round(ms / 500)),
    [0, 1, 2],
  )
  assert.equal(w.runtime.now() - from, 1_000, 'it does not wait for a next one')
  await rejects(bus.deadLetters().replay({}, { perSecond: 0 }), 'CONFIG_INVALID')
})

test.run()
