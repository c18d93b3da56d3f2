import assert from 'node:assert/strict'
import { BusbarError, retry } from '@busbar/core'
import { suite } from 'uvu'
import { seededRandom } from './seeded-random.js'
import { throws } from './support/assertions.js'
import { Thing, until, world } from './support/failure-world.js'
import { FakeRuntime } from './support/fake-runtime.js'

const test = suite('retry in place')

/** When each attempt of one failing event starts, in milliseconds since the first. */
async function attemptsOf(
  options: Parameters<typeof retry>[0],
  random = 0.5,
  fail: unknown = new Error('no'),
): Promise<number[]> {
  await using w = world()
  w.runtime.randomValue = random
  const { bus, reports } = w.service()
  const starts: number[] = []
  bus.subscribe(Thing, { use: [retry(options)] }, () => {
    starts.push(w.runtime.now())
    throw fail
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length > 0, 'its end', 1)
  assert.deepEqual(
    reports.map(report => report.outcome),
    ['dead-lettered'],
  )
  assert.equal(reports[0]?.attempt, starts.length)
  return starts.map(start => start - (starts[0] as number))
}

test('handles so often and no more, each delay twice the one before, up to the cap', async () => {
  const delays = await attemptsOf({ attempts: 6, delayMs: 10, maxDelayMs: 50, jitter: 'none' })
  assert.deepEqual(delays, [0, 10, 30, 70, 120, 170])
})

test('waits equally long with a fixed backoff', async () => {
  assert.deepEqual(
    await attemptsOf({ attempts: 4, delayMs: 10, backoff: 'fixed', jitter: 'none' }),
    [0, 10, 20, 30],
  )
})

test('draws each delay evenly between nothing and its length', async () => {
  assert.deepEqual(await attemptsOf({ attempts: 3, delayMs: 100 }, 0), [0, 0, 0])
  assert.deepEqual(await attemptsOf({ attempts: 3, delayMs: 100 }, 0.999), [0, 100, 300])
  const runtime = new FakeRuntime()
  const random = seededRandom(7)
  runtime.random = () => random()
  await using w = world({ runtime })
  const { bus, reports } = w.service({ consume: { redelivery: { delayMs: 1 } } })
  const lastAt = new Map<string, number>()
  const drawn: number[] = []
  bus.subscribe(Thing, { use: [retry({ attempts: 2, delayMs: 100 })] }, ({ id }) => {
    const last = lastAt.get(id)
    if (last !== undefined) drawn.push(runtime.now() - last)
    lastAt.set(id, runtime.now())
    throw new Error('no')
  })
  await bus.start()
  await bus.publishBatch(
    Thing,
    Array.from({ length: 50 }, (_, id) => ({ id: String(id) })),
  )
  await w.advanceUntil(() => reports.length === 50, 'their ends', 1)
  assert.ok(
    drawn.every(delay => delay >= 0 && delay <= 101),
    `within its length: ${drawn.join()}`,
  )
  assert.ok(Math.max(...drawn) > 80 && Math.min(...drawn) < 20, `spread over it: ${drawn.join()}`)
})

test('a single attempt is no retry', async () => {
  assert.deepEqual(await attemptsOf({ attempts: 1 }), [0])
})

test('asks the predicate, and by default only for errors that can pass', async () => {
  assert.equal((await attemptsOf({ attempts: 3, when: () => false })).length, 1)
  assert.equal((await attemptsOf({ attempts: 3 }, 0.5, new BusbarError('PAYLOAD_INVALID', 'bad'))).length, 1)
  assert.equal(
    (await attemptsOf({ attempts: 3 }, 0.5, new BusbarError('CONNECTION_FAILED', 'gone'))).length,
    3,
  )
  assert.equal((await attemptsOf({ attempts: 3 }, 0.5, 'a thrown text')).length, 3)
  assert.equal((await attemptsOf({ attempts: 3 }, 0.5, undefined)).length, 3)
})

test('the predicate sees the attempt', async () => {
  const seen: number[] = []
  await attemptsOf({ attempts: 9, when: (_, context) => seen.push(context.attempt) < 3 })
  assert.deepEqual(seen, [1, 2, 3])
})

test('never tries again what cannot be decoded', async () => {
  await using w = world()
  const { bus, transport, reports } = w.service()
  bus.subscribe(Thing, { use: [retry({ attempts: 5 })] }, () => assert.fail('was handled'))
  await bus.start()
  const headers = { ce_specversion: '1.0', ce_id: 'bad', ce_type: 'thing', ce_source: 'x' }
  await transport.send([{ topic: 'things', key: null, value: Buffer.from('{'), headers, timestampMs: 1 }])
  await until(() => reports.length > 0, 'its end')
  assert.deepEqual(
    reports.map(({ outcome, attempt }) => ({ outcome, attempt })),
    [{ outcome: 'dead-lettered', attempt: 1 }],
  )
})

test('attempts are numbered, and each has a signal of its own', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const attempts: number[] = []
  const signals: AbortSignal[] = []
  bus.subscribe(Thing, { use: [retry({ attempts: 3 })] }, (_, context) => {
    attempts.push(context.attempt)
    signals.push(context.signal)
    throw new Error('no')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length > 0, 'its end')
  assert.deepEqual(attempts, [1, 2, 3])
  assert.equal(new Set(signals).size, 3)
})

test('1,000 failing keys that wait take up no room: with concurrency 10 others are handled meanwhile', async () => {
  await using w = world({ partitions: 3 })
  const { bus } = w.service({ consume: { concurrency: 10, maxInFlight: 2_000 } })
  let failed = 0
  let handled = 0
  bus.subscribe(
    Thing,
    { use: [retry({ attempts: 2, delayMs: 60_000, jitter: 'none' })] },
    ({ id }, { attempt }) => {
      if (id.startsWith('good')) handled += 1
      else if (attempt === 1) {
        failed += 1
        throw new Error('no')
      }
    },
  )
  await bus.start()
  await bus.publishBatch(
    Thing,
    Array.from({ length: 1_000 }, (_, index) => ({ id: `bad-${index}` })),
  )
  await bus.publishBatch(
    Thing,
    Array.from({ length: 1_000 }, (_, index) => ({ id: `good-${index}` })),
  )
  await until(() => failed === 1_000 && handled === 1_000, 'all failures and all others')
})

test('room that came back is not exceeded', async () => {
  await using w = world()
  const { bus, reports } = w.service({ consume: { concurrency: 2 } })
  let running = 0
  let most = 0
  bus.subscribe(
    Thing,
    { use: [retry({ attempts: 2, delayMs: 10, jitter: 'none' })] },
    async (_, { attempt }) => {
      running += 1
      most = Math.max(most, running)
      await new Promise<void>(resolve => setImmediate(resolve))
      running -= 1
      if (attempt === 1) throw new Error('no')
    },
  )
  await bus.start()
  await bus.publishBatch(
    Thing,
    Array.from({ length: 40 }, (_, id) => ({ id: String(id) })),
  )
  await w.advanceUntil(() => reports.length === 40, 'all')
  assert.equal(most, 2)
})

test('its key waits with it, and keeps its order', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const seen: string[] = []
  bus.subscribe(
    Thing,
    { use: [retry({ attempts: 2, delayMs: 100, jitter: 'none' })] },
    ({ id }, { attempt }) => {
      seen.push(`${id}${attempt}`)
      if (id === 'a' && attempt === 1) throw new Error('no')
    },
  )
  await bus.start()
  await bus.publishBatch(Thing, [
    { id: 'a', key: 'k' },
    { id: 'b', key: 'k' },
    { id: 'c', key: 'other' },
  ])
  await w.advanceUntil(() => reports.length === 3, 'all')
  assert.deepEqual(seen, ['a1', 'c1', 'a2', 'b1'])
})

test('options that make no sense are refused by name', () => {
  for (const [options, name] of [
    [{ attempts: 0 }, 'retry.attempts'],
    [{ attempts: 2.5 }, 'retry.attempts'],
    [{ delayMs: -1 }, 'retry.delayMs'],
    [{ maxDelayMs: Number.NaN }, 'retry.maxDelayMs'],
  ] as const) {
    assert.match(throws(() => retry(options), 'CONFIG_INVALID').message, new RegExp(name))
  }
  assert.match(
    throws(() => retry({ via: 'topic', attempts: Number.POSITIVE_INFINITY }), 'CONFIG_INVALID').message,
    /retry.attempts/,
  )
})

test.run()
