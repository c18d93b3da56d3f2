import { defineEvent, defineRequest } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects, throws } from './support/assertions.js'
import { Thing, until, world } from './support/failure-world.js'

const test = suite('draining')
const Next = defineEvent<Thing>('next')
const Ask = defineRequest<Thing, string>('ask')

test('lets handlers finish, commits and leaves; publishes and requests go on until the close', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const answering = w.service({ name: 'answering' })
  answering.bus.reply(Ask, () => 'yes')
  let finish: (() => void) | undefined
  bus.subscribe(Thing, () => new Promise<void>(resolve => (finish = resolve)))
  await Promise.all([bus.start(), answering.bus.start()])
  await bus.publish(Thing, { id: 'a' })
  await until(() => finish !== undefined, 'the handler')
  const drained = bus.drain()
  assert.is(bus.drain(), drained)
  // What comes now is for whoever receives next.
  await bus.publish(Thing, { id: 'b' })
  finish?.()
  await deadline(5_000, 'draining', drained)
  assert.equal(
    reports.map(({ outcome }) => outcome),
    ['done'],
  )
  assert.is(w.committed('service'), 1)
  await bus.publish(Next, { id: 'c' })
  await bus.publish(Next, { id: 'd' }, { delayMs: 1_000 })
  assert.is(await bus.request(Ask, { id: 'e' }), 'yes')
  assert.is(w.records('next').length, 1)
  throws(() => bus.subscribe(Next, () => {}), 'BUS_CLOSED')
  await rejects(bus.start(), 'BUS_CLOSED')
  await deadline(5_000, 'the close', bus.close())
  await rejects(bus.publish(Next, { id: 'f' }), 'BUS_CLOSED')
})

test('what does not finish in time is handed back, and the close waits no second time', async () => {
  await using w = world()
  const { bus } = w.service()
  let aborted = false
  bus.subscribe(Thing, (_, { signal }) => {
    signal.addEventListener('abort', () => (aborted = true))
    return new Promise(() => {})
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => w.records('things').length === 1, 'the record')
  await w.runtime.advance(1)
  const drained = bus.drain({ timeoutMs: 1_000 })
  await w.runtime.advance(1_000)
  await deadline(5_000, 'draining', drained)
  assert.equal([aborted, w.committed('service')], [true, 0])
  await deadline(5_000, 'the close', bus.close())
})

test('a close while it drains waits for it, at most as long as the close may take', async () => {
  await using w = world()
  const { bus } = w.service()
  bus.subscribe(Thing, () => new Promise(() => {}))
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.runtime.advance(1)
  const drained = bus.drain({ timeoutMs: 60_000 })
  const closed = bus.close({ timeoutMs: 1_000 })
  await w.runtime.advance(1_000)
  await deadline(5_000, 'the close', closed)
  await rejects(bus.publish(Thing, { id: 'b' }), 'BUS_CLOSED')
  await w.runtime.advance(65_000)
  await drained
})

test('a start that outlasts the drain joins no group', async () => {
  await using w = world()
  const { bus } = w.service()
  let isChecking = false
  bus.onStart(() => {
    isChecking = true
    return new Promise(resolve => w.runtime.setTimer(1_000, resolve))
  })
  bus.subscribe(Thing, () => {})
  const starting = rejects(bus.start(), 'BUS_CLOSED')
  await until(() => isChecking, 'the start')
  const drained = bus.drain({ timeoutMs: 200 })
  await w.runtime.advance(300)
  await deadline(5_000, 'draining', drained)
  await w.runtime.advance(2_000)
  await deadline(5_000, 'the start', starting)
  const other = w.service()
  let handled = 0
  other.bus.subscribe(Thing, () => void handled++)
  await other.bus.start()
  await other.bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => handled === 1, 'the other instance')
})

test('a bus that was never started drains at once', async () => {
  await using w = world()
  const { bus } = w.service()
  await deadline(5_000, 'draining', bus.drain())
  await rejects(bus.start(), 'BUS_CLOSED')
})

test.run()
