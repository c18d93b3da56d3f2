import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BusbarError, type IdempotencyStore, memoryStore, type Runtime, systemRuntime } from '@busbar/core'
import { idempotencyStoreCases } from '@busbar/core/conformance'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('memoryStore')

/** A clock that moves when it is told to. */
function clock(): { runtime: Runtime; advance: (ms: number) => void } {
  let now = 1_000_000
  return {
    runtime: { ...systemRuntime, now: () => now },
    advance: ms => {
      now += ms
    },
  }
}

async function complete(store: IdempotencyStore, key: string): Promise<void> {
  const claim = await store.claim(key, 1_000)
  if (claim.kind !== 'claimed') throw new Error(`${key} is ${claim.kind}`)
  assert.ok(await store.complete(key, claim.token, { ttlMs: 60_000 }))
}

for (const { name, run } of idempotencyStoreCases) {
  test(name, async () => {
    const { runtime, advance } = clock()
    const store = memoryStore({ runtime })
    await run({ store: () => store, wait: async ms => advance(ms) })
  })
}

test('forgets the mark that was least recently asked for', async () => {
  const store = memoryStore({ maxEntries: 2 })
  await complete(store, 'a')
  await complete(store, 'b')
  assert.is((await store.claim('a', 1_000)).kind, 'completed')
  await complete(store, 'c')
  assert.is((await store.claim('a', 1_000)).kind, 'completed')
  assert.is((await store.claim('c', 1_000)).kind, 'completed')
  assert.is((await store.claim('b', 1_000)).kind, 'claimed')
})

test('never evicts a live claim', async () => {
  const store = memoryStore({ maxEntries: 1 })
  for (let i = 0; i < 100; i++) assert.is((await store.claim(`held-${i}`, 60_000)).kind, 'claimed')
  for (let i = 0; i < 10; i++) await complete(store, `done-${i}`)
  for (let i = 0; i < 100; i++) assert.is((await store.claim(`held-${i}`, 60_000)).kind, 'busy')
})

test('keeps no claims of the dead', async () => {
  const { runtime, advance } = clock()
  const store = memoryStore({ runtime })
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap = () => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = heap()
  for (let i = 0; i < 200_000; i++) {
    await store.claim(`dead-${i}`, 10)
    advance(1)
  }
  // 200,000 entries with their keys and tokens would be about 40 MB.
  assert.ok(heap() - before < 10_000_000)
  assert.is((await store.claim('last', 10)).kind, 'claimed')
})

test('has copies of its results', async () => {
  const store = memoryStore()
  const claim = await store.claim('k', 1_000)
  if (claim.kind !== 'claimed') throw new Error(claim.kind)
  const result = new Uint8Array([1])
  await store.complete('k', claim.token, { ttlMs: 1_000, result })
  result[0] = 2
  const first = await store.claim('k', 1_000)
  if (first.kind === 'completed' && first.result) first.result[0] = 3
  assert.equal(await store.claim('k', 1_000), { kind: 'completed', result: new Uint8Array([1]) })
})

test('refuses a limit that is none', () => {
  for (const maxEntries of [0, -1, 1.5, Number.NaN]) {
    assert.throws(
      () => memoryStore({ maxEntries }),
      (error: unknown) => error instanceof BusbarError && error.code === 'CONFIG_INVALID',
    )
  }
})

test.run()
