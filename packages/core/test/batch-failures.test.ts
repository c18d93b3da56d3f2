import assert from 'node:assert/strict'
import {
  circuitBreaker,
  concurrency,
  correlation,
  correlationOf,
  defineEvent,
  idempotent,
  type Middleware,
  retry,
  sleep,
  throttle,
  timeout,
} from '@busbar/core'
import { suite } from 'uvu'
import { Thing, until, world } from './support/failure-world.js'
import { TestStore } from './support/test-store.js'

const test = suite('failures in batches')

const things = (...ids: string[]) => ids.map(id => ({ id, key: id.slice(0, 1) }))

test('each record has its own attempts and its own dead letter', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const calls: string[][] = []
  bus.subscribeBatch(
    Thing,
    { maxSize: 4, use: [retry({ attempts: 3, delayMs: 10, jitter: 'none' })] },
    batch => {
      calls.push(batch.map(({ payload, context }) => `${payload.id}${context.attempt}`))
      for (const { payload, context, fail } of batch) {
        if (payload.id === 'bad' || (payload.id === 'slow' && context.attempt === 1))
          fail(new Error(`no ${payload.id}`))
      }
    },
  )
  await bus.start()
  await bus.publishBatch(Thing, things('a', 'bad', 'slow', 'd'))
  await w.advanceUntil(() => reports.length === 4, 'all')
  assert.deepEqual(calls[0], ['a1', 'bad1', 'slow1', 'd1'])
  assert.deepEqual(calls.slice(1).flat(), ['bad2', 'slow2', 'bad3'])
  assert.deepEqual(reports.map(({ outcome, attempt }) => `${outcome} ${attempt}`).sort(), [
    'dead-lettered 3',
    'done 1',
    'done 1',
    'done 2',
  ])
  assert.deepEqual(
    (await bus.deadLetters().list()).map(letter => letter.message),
    ['no bad'],
  )
})

test('via topic each moves on its own, and the batch goes on', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const handled: string[] = []
  bus.subscribeBatch(
    Thing,
    { maxSize: 4, use: [retry({ via: 'topic', attempts: 2, delayMs: 1_000 })] },
    batch => {
      for (const { payload, context, fail } of batch) {
        if (payload.id === 'bad' && context.attempt === 1) fail(new Error('no'))
        else handled.push(`${payload.id}${context.attempt}`)
      }
    },
  )
  await bus.start()
  await bus.publishBatch(Thing, things('a', 'bad', 'c', 'd'))
  await w.advanceUntil(() => reports.length === 5, 'all')
  assert.deepEqual(handled, ['a1', 'c1', 'd1', 'bad2'])
})

for (const [what, middleware] of [
  ['a concurrency limit below its size', () => concurrency(2)],
  ['a throttle', () => throttle({ limit: 2, perMs: 100 })],
  ['a circuit breaker', () => circuitBreaker({ failures: 2, openMs: 100 })],
] as const) {
  test(`${what} does not hold up a batch for ever`, async () => {
    await using w = world()
    const { bus, reports } = w.service()
    let isDown = true
    bus.subscribeBatch(
      Thing,
      { maxSize: 6, use: [retry({ attempts: 9, delayMs: 10 }), middleware()] },
      () => {
        if (isDown) throw new Error('no')
      },
    )
    await bus.start()
    await bus.publishBatch(Thing, things('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'))
    await w.runtime.advance(50)
    isDown = false
    await w.advanceUntil(() => reports.length === 8, 'all')
    assert.ok(reports.every(report => report.outcome === 'done'))
  })
}

test('duplicates within one batch are handled once, and hold up nobody', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const { bus, reports } = w.service()
  const handled: string[] = []
  bus.subscribeBatch(
    Thing,
    { maxSize: 10, use: [idempotent(store)] },
    batch => void handled.push(...batch.map(each => each.payload.id)),
  )
  await bus.start()
  for (const id of ['a', 'a', 'b', 'a', 'b', 'c', 'c', 'c', 'a', 'd'])
    await bus.publish(Thing, { id }, { id })
  await w.advanceUntil(() => reports.length === 10, 'all')
  assert.deepEqual(handled.sort(), ['a', 'b', 'c', 'd'])
})

test('also when the store answers in another order than it was asked', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  let claims = 0
  store.before = async operation => {
    const turns = operation === 'claim' ? 20 - claims++ * 2 : 0
    for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve))
  }
  const { bus, reports } = w.service()
  const handled: string[] = []
  bus.subscribeBatch(
    Thing,
    { maxSize: 4, use: [idempotent(store)] },
    batch => void handled.push(...batch.map(each => each.payload.id)),
  )
  await bus.start()
  for (const id of ['a', 'a', 'b', 'b']) await bus.publish(Thing, { id }, { id })
  await w.advanceUntil(() => reports.length === 4, 'all')
  assert.deepEqual(handled.sort(), ['a', 'b'])
})

test('a record that waits for another delivery keeps what its key has behind it', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const { bus, reports } = w.service()
  await store.claim(JSON.stringify(['service', 'service/thing', 'a1']), 5_000)
  const handled: string[] = []
  bus.subscribeBatch(
    Thing,
    { maxSize: 3, use: [idempotent(store)] },
    batch => void handled.push(...batch.map(each => each.payload.id)),
  )
  await bus.start()
  for (const { id, key } of things('a1', 'a2', 'b1')) await bus.publish(Thing, { id, key }, { id })
  await w.advanceUntil(() => reports.length === 3, 'all')
  assert.deepEqual(
    handled.filter(id => id.startsWith('a')),
    ['a1', 'a2'],
  )
})

test('a time limit is for the handler: waiting for the rest of the batch does not count', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const { bus, reports } = w.service()
  await store.claim(JSON.stringify(['service', 'service/thing', 'a1']), 5_000)
  const handled: string[] = []
  bus.subscribeBatch(
    Thing,
    { maxSize: 2, use: [idempotent(store), timeout(100)] },
    batch => void handled.push(...batch.map(each => each.payload.id)),
  )
  await bus.start()
  for (const { id, key } of things('a1', 'a2')) await bus.publish(Thing, { id, key }, { id })
  await w.advanceUntil(() => reports.length === 2, 'both')
  assert.deepEqual(
    reports.map(({ outcome, attempt }) => `${outcome} ${attempt}`),
    ['done 1', 'done 1'],
  )
  assert.deepEqual(handled, ['a1', 'a2'])
})

test('a record that its middleware gave up on while it waited for its batch is not handled after that', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const { bus, reports } = w.service()
  await store.claim(JSON.stringify(['service', 'service/thing', 'a1']), 5_000)
  const handled: string[] = []
  const impatient: Middleware = {
    name: 'impatient',
    abandons: true,
    event: (_, next) =>
      Promise.race([next(), sleep(w.runtime, 100).then(() => Promise.reject(new Error('too late')))]),
  }
  bus.subscribeBatch(
    Thing,
    { maxSize: 2, use: [retry({ attempts: 2, delayMs: 10 }), idempotent(store), impatient] },
    batch => void handled.push(...batch.map(each => each.payload.id)),
  )
  await bus.start()
  for (const { id, key } of things('a1', 'a2')) await bus.publish(Thing, { id, key }, { id })
  await w.advanceUntil(() => reports.length === 2, 'both')
  await w.runtime.advance(10_000)
  assert.deepEqual(handled, ['a1'])
  assert.deepEqual(
    reports.map(report => report.outcome),
    ['dead-lettered', 'done'],
  )
})

test('what a batch handler publishes is caused by none of its records in particular', async () => {
  const Next = defineEvent<Thing>('next')
  await using w = world()
  const { bus, reports } = w.service()
  bus.use(correlation())
  const own: (string | undefined)[] = []
  bus.subscribeBatch(Thing, { maxSize: 2 }, async batch => {
    own.push(...batch.map(({ context }) => context.values.get(correlationOf)?.causationId))
    await bus.publish(Next, { id: 'next' })
  })
  await bus.start()
  const receipts = await bus.publishBatch(Thing, things('a', 'b'))
  await w.advanceUntil(() => reports.length === 2, 'the batch')
  assert.deepEqual(
    own,
    receipts.map(receipt => receipt.id),
  )
  const [next] = w.records('next')
  assert.equal(next?.headers['ce_causationid'], undefined)
})

test('retries of a batch end with the bus', async () => {
  await using w = world()
  const { bus, reports, lines } = w.service()
  bus.subscribeBatch(
    Thing,
    { maxSize: 2, use: [retry({ attempts: 3, delayMs: 60_000, jitter: 'none' })] },
    batch => batch[0]?.fail(new Error('no')),
  )
  await bus.start()
  await bus.publishBatch(Thing, things('a', 'b'))
  await w.advanceUntil(() => lines.some(line => line.message.includes('tried again')), 'the wait')
  await until(() => true, 'a turn')
  await bus.close()
  assert.deepEqual(reports.map(report => report.outcome).sort(), ['done', 'handed back'])
  assert.deepEqual(w.records('things.service.dlq'), [])
})

test.run()
