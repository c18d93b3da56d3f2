import type { Bus, HealthProblem } from '@busbar/core'
import { metrics } from '@busbar/core/prometheus'
import { deadline } from '@busbar/testkit'
import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { healthEndpoint } from '../dist/http/endpoints.js'
import { sampleOf } from './prometheus/support.js'
import { world } from './support/failure-world.js'
import { FakeRuntime } from './support/fake-runtime.js'

const test = suite('health of what is attached to a bus')
const full: HealthProblem = { kind: 'outbox', what: 'outbox a', reason: 'it is full', sinceMs: 5 }

test('its problems are those of the bus, of readiness and of the metrics, until it is undone', async () => {
  await using w = world()
  const { bus } = w.service()
  const register = new Registry()
  bus.use(metrics(register))
  let problems: readonly HealthProblem[] = []
  const undo = bus.onHealth('outbox a', () => problems)
  const undoOther = bus.onHealth('outbox b', async () => problems)
  await bus.start()
  const ready = async () => (await healthEndpoint(bus)('GET', '/health/ready'))?.status
  const counted = () => sampleOf(register, 'busbar_health_problems', { bus: 'service', kind: 'outbox' })
  assert.equal([(await bus.health()).status, await ready(), await counted()], ['green', 200, 0])
  problems = [full]
  assert.equal((await bus.health()).problems, [full, full])
  assert.equal([(await bus.health()).status, await ready(), await counted()], ['red', 503, 2])
  undo()
  assert.equal((await bus.health()).problems, [full])
  undoOther()
  assert.equal([(await bus.health()).status, await ready(), await counted()], ['green', 200, 0])
})

test('is told whatever the state of the bus is', async () => {
  await using w = world()
  const { bus } = w.service()
  bus.onHealth('outbox a', () => [full])
  assert.equal((await bus.health()).problems, [full])
  await bus.start()
  await bus.drain()
  assert.equal((await bus.health()).problems, [full])
})

test('is not asked where nobody is to be waited for: liveness', async () => {
  await using w = world()
  const { bus } = w.service()
  let asked = 0
  bus.onHealth('outbox a', () => {
    asked += 1
    return [full]
  })
  await bus.start()
  assert.equal([(await bus.health({ timeoutMs: 0 })).status, asked], ['green', 0])
  assert.is((await healthEndpoint(bus)('GET', '/health/live'))?.status, 200)
})

test('a check that throws, rejects or gives no list is a problem itself, since it began, and hides no other', async () => {
  await using w = world()
  const { bus } = w.service()
  let isBroken = true
  const checks = {
    throws: () => {
      throw new Error('no idea')
    },
    rejects: () => Promise.reject(new Error('no idea')),
    'no list': () => undefined as never,
  }
  for (const [what, check] of Object.entries(checks)) bus.onHealth(what, () => (isBroken ? check() : []))
  bus.onHealth('outbox a', () => [full])
  await bus.start()
  const sinceMs = w.runtime.now()
  await bus.health()
  await w.runtime.advance(1_000)
  const { problems } = await bus.health()
  assert.equal(
    problems.map(each => [each.kind, each.what, each.sinceMs]),
    [...Object.keys(checks).map(what => ['check', what, sinceMs]), ['outbox', 'outbox a', 5]],
  )
  assert.equal(
    problems.slice(0, 2).map(({ reason }) => reason),
    ['its check failed: no idea', 'its check failed: no idea'],
  )
  isBroken = false
  assert.equal((await bus.health()).problems, [full])
  isBroken = true
  assert.equal((await bus.health()).problems[0]?.sinceMs, sinceMs + 1_000)
})

/** Adds a check whose first answer never comes; tells how often it was asked. */
function hangingOnce(bus: Bus): () => number {
  let asked = 0
  bus.onHealth('outbox a', () => {
    asked += 1
    return asked === 1 ? new Promise(() => {}) : []
  })
  return () => asked
}

test('a check that hangs is a problem after the time, is asked once at a time, and anew when its answer is lost', async () => {
  await using w = world()
  const { bus } = w.service()
  const asked = hangingOnce(bus)
  await bus.start()
  const sinceMs = w.runtime.now() + 500
  for (let look = 0; look < 3; look++) {
    const looking = bus.health({ timeoutMs: 500 })
    await w.runtime.advance(500)
    const { status, problems } = await deadline(5_000, 'the look', looking)
    assert.is(status, 'red')
    assert.equal(problems, [
      { kind: 'check', what: 'outbox a', reason: 'it did not answer within 500 ms', sinceMs },
    ])
  }
  assert.is(asked(), 1)
  await w.runtime.advance(10_000)
  assert.equal([(await bus.health()).status, asked()], ['green', 2])
})

test('an answer that was lost is not waited for until a clock that was set back has caught up', async () => {
  let setBackMs = 0
  class SetBack extends FakeRuntime {
    override now(): number {
      return super.now() - setBackMs
    }
  }
  await using w = world({ runtime: new SetBack() })
  const { bus } = w.service()
  const asked = hangingOnce(bus)
  await bus.start()
  const looking = bus.health({ timeoutMs: 500 })
  await w.runtime.advance(500)
  assert.is((await looking).status, 'red')
  setBackMs = 3_600_000
  await w.runtime.advance(11_000)
  const again = bus.health({ timeoutMs: 500 })
  await w.runtime.advance(500)
  assert.equal([(await again).status, asked()], ['green', 2])
})

test.run()
