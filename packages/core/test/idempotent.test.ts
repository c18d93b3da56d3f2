import assert from 'node:assert/strict'
import { type BusbarError, idempotent, retry } from '@busbar/core'
import { suite } from 'uvu'
import { deferred } from './support/assertions.js'
import { Thing, until, world } from './support/failure-world.js'
import { TestStore } from './support/test-store.js'

const test = suite('idempotent')

const publishSame = { id: 'same' }

test('handles a duplicate once; it is skipped', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const { bus, reports } = w.service()
  let effects = 0
  bus.subscribe(Thing, { use: [idempotent(store)] }, () => {
    effects += 1
  })
  await bus.start()
  for (let copy = 0; copy < 3; copy++) await bus.publish(Thing, { id: 'a' }, publishSame)
  await w.advanceUntil(() => reports.length === 3, 'all')
  assert.equal(effects, 1)
  assert.deepEqual(
    reports.map(report => report.outcome),
    ['done', 'skipped', 'skipped'],
  )
  assert.equal(store.completed, 1)
})

test('a duplicate that comes meanwhile waits, and never runs beside', async () => {
  await using w = world({ partitions: 3 })
  const store = new TestStore(w.runtime)
  const gate = deferred()
  const instances = [w.service(), w.service()]
  let running = 0
  let effects = 0
  for (const { bus } of instances) {
    bus.subscribe(Thing, { use: [idempotent(store)] }, async () => {
      running += 1
      effects += 1
      assert.equal(running, 1)
      await gate.promise
      running -= 1
    })
    await bus.start()
  }
  const { bus } = instances[0] as (typeof instances)[number]
  // Other keys: other lanes and partitions, the same event.
  for (const key of ['k', 'l', 'm', 'n', 'o', 'p']) await bus.publish(Thing, { id: 'a', key }, publishSame)
  await until(() => running === 1, 'the first')
  await w.runtime.advance(100_000)
  assert.equal(effects, 1)
  gate.resolve()
  await w.advanceUntil(() => instances.flatMap(each => each.reports).length === 6, 'all')
  assert.equal(effects, 1)
})

test('a claim is renewed while its delivery lives, and runs out after, also where the handler goes on', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const first = w.service()
  let started = 0
  const options = { use: [idempotent(store, { leaseMs: 30_000 })] }
  first.bus.subscribe(Thing, options, () => {
    started += 1
    return new Promise(() => {})
  })
  await first.bus.start()
  await first.bus.publish(Thing, { id: 'a' })
  await until(() => started === 1, 'the handler')
  await w.runtime.advance(300_000)
  assert.ok(store.calls.filter(call => call === 'renew').length >= 29)
  const second = w.service()
  const at: number[] = []
  second.bus.subscribe(Thing, options, () => void at.push(w.runtime.now()))
  first.transport.crash()
  const crashedAt = w.runtime.now()
  await second.bus.start()
  await w.advanceUntil(() => at.length === 1, 'the next one', 100)
  const tookMs = (at[0] as number) - crashedAt
  assert.ok(tookMs > 18_000 && tookMs <= 32_000, `after ${tookMs} ms`)
  assert.equal(store.completed, 1)
})

test('a lost claim aborts the handler, and completes nothing', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const { bus, reports, lines } = w.service()
  const reasons: unknown[] = []
  bus.subscribe(
    Thing,
    { use: [retry({ attempts: 2, delayMs: 1 }), idempotent(store, { leaseMs: 3_000 })] },
    async (_, { signal, attempt }) => {
      if (attempt > 1) return
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
      reasons.push(signal.reason)
    },
  )
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => store.entries.size === 1, 'the claim')
  store.steal()
  await w.advanceUntil(() => reasons.length === 1, 'the abort')
  assert.equal((reasons[0] as BusbarError).code, 'CLAIM_LOST')
  await until(
    () => lines.some(({ fields }) => (fields['err'] as BusbarError)?.code === 'CLAIM_LOST'),
    'its failure',
  )
  assert.equal(store.completed, 0)
  await w.advanceUntil(() => reports.length === 1, 'its end, when that claim has run out')
  assert.equal(reports[0]?.outcome, 'done')
})

test('a store that hiccups when the effect is done does not make it happen again', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const { bus, reports } = w.service()
  let effects = 0
  const downUntil = w.runtime.now() + 10_000
  store.before = operation => {
    if (operation === 'complete' && w.runtime.now() < downUntil) throw new Error('the store is away')
  }
  bus.subscribe(Thing, { use: [idempotent(store)] }, () => {
    effects += 1
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 1, 'its end')
  assert.deepEqual([effects, reports[0]?.outcome, store.completed], [1, 'done', 1])
})

test('also when the bus is being closed meanwhile', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const { bus, reports } = w.service()
  const downUntil = w.runtime.now() + 2_000
  store.before = operation => {
    if (operation === 'complete' && w.runtime.now() < downUntil) throw new Error('the store is away')
  }
  bus.subscribe(Thing, { use: [idempotent(store)] }, () => {})
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => store.calls.includes('complete'), 'the effect')
  const closing = bus.close()
  await w.runtime.advance(5_000)
  await closing
  assert.deepEqual([reports[0]?.outcome, store.completed], ['done', 1])
})

test('a failure releases the claim, so that the next attempt need not wait', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const { bus, reports } = w.service()
  const from = w.runtime.now()
  let failedReleases = 0
  store.before = operation => {
    if (operation === 'release' && failedReleases++ === 0) throw new Error('the store is away')
  }
  const options = {
    use: [retry({ attempts: 3, delayMs: 10, jitter: 'none' }), idempotent(store, { leaseMs: 60_000 })],
  } as const
  bus.subscribe(Thing, options, (_, { attempt }) => {
    if (attempt < 3) throw new Error('no')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 1, 'its end', 500)
  assert.equal(reports[0]?.outcome, 'done')
  // The first release failed: that attempt waited for its own lease.
  assert.ok(
    w.runtime.now() - from >= 60_000 && w.runtime.now() - from < 63_000,
    `${w.runtime.now() - from} ms`,
  )
})

test('groups and subscriptions are apart; the key can be another', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const { bus, reports } = w.service()
  const seen: string[] = []
  const use = [idempotent(store)]
  bus.subscribe(Thing, { name: 'one', use }, () => void seen.push('one'))
  bus.subscribe(Thing, { name: 'two', use }, () => void seen.push('two'))
  bus.subscribe(Thing, { group: 'other', use }, () => void seen.push('other'))
  const byId = idempotent<Thing>(store, { key: thing => thing.id })
  bus.subscribe(Thing, { group: 'by-id', use: [byId] }, () => {})
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 4, 'all')
  assert.deepEqual(seen.sort(), ['one', 'other', 'two'])
})

test("a key of one's own ties different events together", async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const { bus, reports } = w.service()
  const seen: string[] = []
  bus.subscribe(
    Thing,
    { use: [idempotent<Thing>(store, { key: thing => thing.key ?? '' })] },
    ({ id }) => void seen.push(id),
  )
  await bus.start()
  await bus.publishBatch(Thing, [
    { id: 'a', key: 'order 7' },
    { id: 'b', key: 'order 7' },
    { id: 'c', key: 'order 8' },
  ])
  await w.advanceUntil(() => reports.length === 3, 'all')
  assert.deepEqual(seen.sort(), ['a', 'c'])
})

test('a claim that cannot be made is a failure like any other', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  let calls = 0
  store.before = () => {
    if (calls++ < 2) throw new Error('the store is away')
  }
  const { bus, reports } = w.service()
  bus.subscribe(Thing, { use: [idempotent(store)] }, () => {})
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 1, 'its end')
  assert.deepEqual(
    reports.map(({ outcome, attempt }) => ({ outcome, attempt })),
    [{ outcome: 'done', attempt: 3 }],
  )
})

test('nothing is left running when all is done', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const { bus, reports } = w.service()
  bus.subscribe(Thing, { use: [idempotent(store)] }, () => {})
  await bus.start()
  const before = w.runtime.pending
  for (let id = 0; id < 20; id++) await bus.publish(Thing, { id: String(id) })
  await w.advanceUntil(() => reports.length === 20 && w.committed('service') === 20, 'all')
  assert.ok(w.runtime.pending <= before, `${w.runtime.pending} timers`)
})

test.run()
