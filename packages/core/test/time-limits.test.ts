import assert from 'node:assert/strict'
import { type BusbarError, retry, timeout } from '@busbar/core'
import { suite } from 'uvu'
import { Thing, world } from './support/failure-world.js'

const test = suite('timeout')

const ids = (count: number) => Array.from({ length: count }, (_, id) => ({ id: String(id) }))

test('a time limit aborts the signal with its reason, and the next attempt has a fresh one', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const reasons: unknown[] = []
  bus.subscribe(
    Thing,
    { use: [retry({ attempts: 3, delayMs: 10, jitter: 'none' }), timeout(1_000)] },
    (_, { signal, attempt }) => {
      assert.equal(signal.aborted, false)
      if (attempt === 3) return
      signal.addEventListener('abort', () => reasons.push(signal.reason), { once: true })
      return new Promise(() => {})
    },
  )
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 1, 'its end', 10)
  assert.deepEqual(
    reports.map(({ outcome, attempt }) => ({ outcome, attempt })),
    [{ outcome: 'done', attempt: 3 }],
  )
  assert.deepEqual(
    reasons.map(reason => (reason as BusbarError).code),
    ['HANDLER_TIMEOUT', 'HANDLER_TIMEOUT'],
  )
})

test('a handler that never settles becomes a dead letter, and holds up nobody', async () => {
  await using w = world()
  const { bus, reports } = w.service({ consume: { concurrency: 1 } })
  bus.subscribe(Thing, { use: [retry({ attempts: 2, delayMs: 10 }), timeout(100)] }, ({ id }) =>
    id === '0' ? new Promise(() => {}) : undefined,
  )
  await bus.start()
  await bus.publishBatch(Thing, ids(3))
  await w.advanceUntil(() => reports.length === 3, 'all', 10)
  assert.equal((await bus.deadLetters().list())[0]?.code, 'HANDLER_TIMEOUT')
})

test('a handler in time leaves no timer behind', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  bus.subscribe(Thing, { use: [timeout(60_000)] }, () => {})
  await bus.start()
  await bus.publishBatch(Thing, ids(10))
  await w.advanceUntil(() => reports.length === 10 && w.committed('service') === 10, 'all', 10)
  assert.equal(w.runtime.pending, 0)
})

test.run()
