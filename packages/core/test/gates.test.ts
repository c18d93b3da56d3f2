import assert from 'node:assert/strict'
import { BusbarError, circuitBreaker, concurrency, filter, retry, throttle, timeout } from '@busbar/core'
import { suite } from 'uvu'
import { deferred, throws } from './support/assertions.js'
import { Thing, until, world } from './support/failure-world.js'

const test = suite('timeout, circuit breaker, throttle, concurrency, filter')

const ids = (count: number) => Array.from({ length: count }, (_, id) => ({ id: String(id) }))

test('a breaker opens after so many failures in a row, lets one try when its time is over, and closes on its success', async () => {
  await using w = world()
  const { bus, reports, lines } = w.service()
  let isDown = true
  let calls = 0
  const attempts: number[] = []
  const use = [
    retry({ attempts: 5, delayMs: 1, jitter: 'none' }),
    circuitBreaker({ failures: 3, openMs: 1_000 }),
  ]
  bus.subscribe(Thing, { use, concurrency: 1 }, (_, { attempt }) => {
    calls += 1
    if (isDown) throw new Error('no')
    attempts.push(attempt)
  })
  await bus.start()
  await bus.publishBatch(Thing, ids(20))
  await until(() => calls >= 3, 'it opens')
  await w.runtime.advance(900)
  assert.equal(calls, 3, 'open: nobody tries')
  await w.runtime.advance(200)
  assert.equal(calls, 4, 'one tries')
  await w.runtime.advance(700)
  assert.equal(calls, 4, 'open again')
  isDown = false
  await w.advanceUntil(() => reports.length === 20, 'all')
  assert.ok(reports.every(report => report.outcome === 'done'))
  assert.equal(calls, 24, 'waiting burned no attempts')
  assert.ok(attempts.every(attempt => attempt <= 4))
  assert.equal(lines.filter(line => line.message.includes('breaker opened')).length, 1)
})

test('of many that wait for an open breaker one tries at a time', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  let isDown = true
  let running = 0
  let most = 0
  const gates: (() => void)[] = []
  const use = [retry({ attempts: 9, delayMs: 1 }), circuitBreaker({ failures: 1, openMs: 1_000 })]
  bus.subscribe(Thing, { use }, async () => {
    most = Math.max(most, ++running)
    if (isDown) await new Promise<void>(resolve => gates.push(resolve))
    running -= 1
    if (isDown) throw new Error('no')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'first' })
  await until(() => running === 1, 'the first')
  for (const go of gates.splice(0)) go()
  await until(() => running === 0, 'its failure')
  await bus.publishBatch(Thing, ids(20))
  await w.runtime.advance(5_000)
  assert.deepEqual([running, most], [1, 1])
  isDown = false
  for (const go of gates.splice(0)) go()
  await w.advanceUntil(() => reports.length === 21, 'all')
})

test('a breaker counts failures in a row, and not those that a payload is to blame for', async () => {
  await using w = world()
  const { bus, transport, reports } = w.service()
  const use = [retry({ attempts: 1 }), circuitBreaker({ failures: 2, openMs: 60_000 })]
  bus.subscribe(Thing, { use, concurrency: 1 }, ({ id }) => {
    if (Number(id) % 2 === 0) throw new Error('no')
  })
  await bus.start()
  for (const thing of ids(10)) await bus.publish(Thing, { ...thing, key: 'k' })
  const headers = { ce_type: 'thing', ce_id: 'x' }
  await transport.send(
    ids(10).map(() => ({ topic: 'things', key: null, value: Buffer.from('{'), headers, timestampMs: 1 })),
  )
  await until(() => reports.length === 20, 'all, without a wait')
})

test('a breaker in which records wait lets the bus close: they are handed back', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  bus.subscribe(
    Thing,
    { use: [retry({ attempts: 9, delayMs: 1 }), circuitBreaker({ failures: 1, openMs: 60_000 })] },
    () => {
      throw new Error('no')
    },
  )
  await bus.start()
  await bus.publishBatch(Thing, ids(5))
  await w.runtime.advance(1_000)
  await bus.close()
  assert.deepEqual(
    reports.map(report => report.outcome),
    ids(5).map(() => 'handed back'),
  )
  assert.equal(w.records('things.service.dlq').length, 0)
})

test('a throttle spreads starts evenly, over all keys and retries', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const starts: number[] = []
  bus.subscribe(
    Thing,
    { use: [retry({ attempts: 1 }), throttle({ limit: 10, perMs: 1_000 })] },
    () => void starts.push(w.runtime.now()),
  )
  await bus.start()
  await bus.publishBatch(Thing, ids(30))
  await w.advanceUntil(() => reports.length === 30, 'all', 10)
  const gaps = starts.slice(1).map((start, index) => start - (starts[index] as number))
  assert.ok(
    gaps.every(gap => gap >= 99 && gap <= 101),
    String(gaps),
  )
})

test('a throttle keeps its limit also where what waited finds no room for a while', async () => {
  await using w = world()
  const { bus, reports } = w.service({ consume: { concurrency: 2 } })
  const starts: number[] = []
  const gate = deferred()
  bus.subscribe(Thing, { use: [throttle({ limit: 10, perMs: 1_000 })] }, async ({ id }) => {
    starts.push(w.runtime.now())
    if (Number(id) < 2) await gate.promise
  })
  await bus.start()
  await bus.publishBatch(Thing, ids(40))
  await w.runtime.advance(10_000)
  assert.equal(starts.length, 2)
  gate.resolve()
  await w.advanceUntil(() => reports.length === 40, 'all', 10)
  for (const [index, start] of starts.entries()) {
    const within = starts.slice(index).filter(other => other < start + 1_000).length
    assert.ok(within <= 11, `${within} within a second`)
  }
})

test('a concurrency limit holds, serves in order, and gives its places back after failures', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  let running = 0
  let most = 0
  const order: number[] = []
  bus.subscribe(Thing, { use: [retry({ attempts: 1 }), concurrency(3)] }, async ({ id }) => {
    order.push(Number(id))
    most = Math.max(most, ++running)
    await new Promise<void>(resolve => setImmediate(resolve))
    running -= 1
    if (Number(id) % 3 === 0) throw new Error('no')
  })
  await bus.start()
  await bus.publishBatch(Thing, ids(60))
  await until(() => reports.length === 60, 'all')
  assert.equal(most, 3)
  assert.deepEqual(
    order,
    order.toSorted((one, other) => one - other),
  )
})

test('whoever gives up waiting for a place leaves it to the next', async () => {
  await using w = world({ partitions: 2 })
  const shared = concurrency(1)
  const gates = new Map<string, ReturnType<typeof deferred<void>>>()
  const started: string[] = []
  const { bus, reports } = w.service()
  const subscribe = (group: string) =>
    bus.subscribe(Thing, { group, use: [shared] }, async () => {
      started.push(group)
      const gate = deferred<void>()
      gates.set(group, gate)
      await gate.promise
    })
  subscribe('first')
  const second = subscribe('second')
  subscribe('third')
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => started.length === 1, 'the first')
  const waiting = ['first', 'second', 'third'].filter(group => group !== started[0])
  if (waiting.includes('second')) await second.close()
  gates.get(started[0] as string)?.resolve()
  await until(() => started.length === 2, 'the next')
  gates.get(started[1] as string)?.resolve()
  await until(() => reports.length === 3, 'all ended')
})

test('a filter skips what it does not want, may be asynchronous, and is a failure when it throws', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const seen: string[] = []
  const wanted = filter<Thing>(async ({ id }) => {
    if (id === '3') throw new BusbarError('INTERNAL', 'the filter failed')
    return id !== '1'
  })
  bus.subscribe(Thing, { use: [wanted] }, ({ id }) => void seen.push(id))
  await bus.start()
  await bus.publishBatch(
    Thing,
    ids(4).map(thing => ({ ...thing, key: 'k' })),
  )
  await until(() => reports.length === 4, 'all')
  assert.deepEqual(seen, ['0', '2'])
  assert.deepEqual(
    reports.map(report => report.outcome),
    ['done', 'skipped', 'done', 'dead-lettered'],
  )
})

test('options that make no sense are refused by name', () => {
  const cases: [() => unknown, RegExp][] = [
    [() => timeout(0), /timeout/],
    [() => circuitBreaker({ failures: 1.5 }), /circuitBreaker.failures/],
    [() => circuitBreaker({ openMs: -1 }), /circuitBreaker.openMs/],
    [() => throttle({ limit: 0 }), /throttle.limit/],
    [() => throttle({ limit: 1, perMs: Number.NaN }), /throttle.perMs/],
    [() => concurrency(0.5), /concurrency/],
  ]
  for (const [make, name] of cases) assert.match(throws(make, 'CONFIG_INVALID').message, name)
})

test.run()
