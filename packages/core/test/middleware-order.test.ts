import assert from 'node:assert/strict'
import {
  circuitBreaker,
  concurrency,
  deadLetter,
  filter,
  idempotent,
  type Middleware,
  retry,
  systemRuntime,
  throttle,
  timeout,
} from '@busbar/core'
import { suite } from 'uvu'
import { rejects } from './support/assertions.js'
import { Thing, until, world } from './support/failure-world.js'
import { TestStore } from './support/test-store.js'

const test = suite('the order of middleware')

/** From the outside to the inside. */
const inOrder: (() => Middleware)[] = [
  () => deadLetter(),
  () => retry(),
  () => circuitBreaker(),
  () => throttle({ limit: 1_000 }),
  () => concurrency(10),
  () => filter(() => true),
  () => idempotent(new TestStore(systemRuntime)),
  () => timeout(1_000),
]

async function start(...use: Middleware[]): Promise<void> {
  await using w = world()
  const { bus } = w.service()
  bus.subscribe(Thing, { use }, () => {})
  await bus.start()
}

test('the documented order is accepted, whole and in part', async () => {
  await start(...inOrder.map(make => make()))
  await start((inOrder[1] as () => Middleware)(), (inOrder[7] as () => Middleware)())
})

for (const [outer, makeOuter] of inOrder.entries()) {
  for (const makeInner of inOrder.slice(0, outer)) {
    const [first, second] = [makeOuter(), makeInner()]
    test(`${first.name} outside of ${second.name} is refused, and both are named`, async () => {
      const { message } = await rejects(start(first, second), 'CONFIG_INVALID')
      assert.match(
        message,
        new RegExp(
          `subscription service/thing: ${first.name} .* ${second.name}: the order is dead-letter, retry`,
        ),
      )
    })
  }
}

test('two of a kind are refused, but those that may well be two', async () => {
  for (const make of inOrder) {
    const name = make().name
    const starting = start(make(), make())
    if (['throttle', 'concurrency', 'filter'].includes(name)) await starting
    else
      assert.match((await rejects(starting, 'CONFIG_INVALID')).message, new RegExp(`${name} is there twice`))
  }
})

test("the bus's stands outside of the subscription's: a wrong order is refused there, too", async () => {
  await using w = world()
  const { bus } = w.service()
  bus.use(timeout(1_000))
  bus.subscribe(Thing, { use: [retry()] }, () => {})
  assert.match((await rejects(bus.start(), 'CONFIG_INVALID')).message, /timeout .* retry/)
})

test('a subscription that is added later is refused by itself, and the rest goes on', async () => {
  await using w = world()
  const { bus, lines } = w.service()
  bus.subscribe(Thing, () => {})
  await bus.start()
  const added = bus.subscribe(Thing, { group: 'other', use: [timeout(1), retry()] }, () => {})
  await rejects(added.ready, 'CONFIG_INVALID')
  assert.ok(lines.some(line => line.message === 'subscription cannot receive'))
})

test('other middleware may stand anywhere', async () => {
  const own: Middleware = { name: 'own', record: (_, next) => next() }
  await start(own, deadLetter(), own, retry(), own, timeout(5), own)
})

test('defaults join what a user chose, each at its place', async () => {
  const calls = async (...use: Middleware[]) => {
    await using w = world()
    const { bus, reports } = w.service()
    let attempts = 0
    bus.subscribe(Thing, { use }, () => {
      attempts += 1
      throw new Error('no')
    })
    await bus.start()
    await bus.publish(Thing, { id: 'a' })
    await w.advanceUntil(() => reports.length === 1, 'its end')
    return `${attempts} ${reports[0]?.outcome}`
  }
  assert.equal(await calls(), '5 dead-lettered')
  assert.equal(await calls(timeout(1_000)), '5 dead-lettered')
  assert.equal(await calls(retry({ attempts: 2 })), '2 dead-lettered')
  assert.equal(await calls(deadLetter()), '5 dead-lettered')
  assert.equal(await calls(deadLetter(), circuitBreaker({ failures: 99 })), '5 dead-lettered')
  const seen: string[] = []
  const note = (name: string): Middleware => ({
    name,
    record: async (_, next) => {
      seen.push(name)
      await next()
    },
  })
  await calls(note('outer'), circuitBreaker({ failures: 99 }), note('inner'))
  assert.deepEqual(
    [seen.filter(name => name === 'outer').length, seen.filter(name => name === 'inner').length],
    [1, 5],
  )
})

test("the bus's own retry counts as chosen, for every subscription", async () => {
  await using w = world()
  const { bus, reports } = w.service()
  bus.use(retry({ attempts: 1 }))
  for (const name of ['one', 'two']) {
    bus.subscribe(Thing, { name }, () => {
      throw new Error('no')
    })
  }
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => reports.length === 2, 'both')
  assert.deepEqual(
    reports.map(({ outcome, attempt }) => `${outcome} ${attempt}`),
    ['dead-lettered 1', 'dead-lettered 1'],
  )
})

test.run()
