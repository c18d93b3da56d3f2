import { sleep, systemRuntime } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createUuidSource, isoTime } from '../dist/runtime.js'
import { FakeRuntime } from './support/fake-runtime.js'

const test = suite('runtime')
const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const ones = () => new Uint32Array(256).fill(0xffffffff)

test('an id is a UUID of version 7 with the time in front', () => {
  const id = createUuidSource(() => 0x0123456789ab, ones)()
  assert.is(id, '01234567-89ab-7000-bfff-ffffffffffff')
  const zeros = createUuidSource(
    () => 1,
    () => new Uint32Array(256),
  )()
  assert.is(zeros, '00000000-0001-7000-8000-000000000000')
  for (let n = 0; n < 1_000; n++) assert.match(systemRuntime.uuid(), form)
})

test('ids are unique and in order within a millisecond, past its four thousand, and when the clock goes back', () => {
  let now = 1_000
  const next = createUuidSource(
    () => now,
    () => globalThis.crypto.getRandomValues(new Uint32Array(256)),
  )
  const ids: string[] = []
  for (let n = 0; n < 10_000; n++) ids.push(next())
  now = 500
  for (let n = 0; n < 5_000; n++) ids.push(next())
  now = 2_000
  ids.push(next())
  assert.equal(ids, [...ids].sort())
  assert.is(new Set(ids).size, ids.length)
  assert.ok(ids.every(id => form.test(id)))
  assert.match(String(ids.at(-1)), /^00000000-07d0-7000/)
})

test('time as text is RFC 3339 in UTC, for each time its own', () => {
  assert.equal(
    [isoTime(0), isoTime(1), isoTime(0)],
    ['1970-01-01T00:00:00.000Z', '1970-01-01T00:00:00.001Z', '1970-01-01T00:00:00.000Z'],
  )
})

test('sleep ends when its time is over and leaves no listener behind', async () => {
  const runtime = new FakeRuntime()
  const { signal } = new AbortController()
  let removed = 0
  const remove = signal.removeEventListener.bind(signal)
  signal.removeEventListener = (...given: Parameters<AbortSignal['removeEventListener']>) => {
    removed++
    remove(...given)
  }
  const sleeping = sleep(runtime, 100, signal)
  await runtime.advance(100)
  await deadline(1_000, 'sleep', sleeping)
  assert.is(removed, 1)
})

test('sleep rejects with the reason of its signal, at once or later, and its timer is gone', async () => {
  const runtime = new FakeRuntime()
  const reason = new Error('enough')
  const early = await sleep(runtime, 100, AbortSignal.abort(reason)).catch((thrown: unknown) => thrown)
  assert.is(early, reason)
  const aborter = new AbortController()
  const sleeping = sleep(runtime, 100, aborter.signal).catch((thrown: unknown) => thrown)
  aborter.abort(reason)
  assert.is(await deadline(1_000, 'sleep', sleeping), reason)
  assert.is(runtime.pending, 0)
})

test('a real timer fires, also with no delay, and not when it was cancelled', async () => {
  const fired: string[] = []
  await deadline(
    2_000,
    'timers',
    new Promise<void>(resolve => {
      systemRuntime.setTimer(-5, () => fired.push('negative'))
      const cancelled = systemRuntime.setTimer(1, () => fired.push('cancelled'))
      cancelled.cancel()
      cancelled.cancel()
      systemRuntime.setTimer(5, () => {
        fired.push('five')
        resolve()
      })
    }),
  )
  assert.equal(fired, ['negative', 'five'])
})

test('a timer beyond what Node can wait does not fire at once', async () => {
  let fired = 0
  const timers = [2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY].map(ms =>
    systemRuntime.setTimer(ms, () => fired++),
  )
  await sleep(systemRuntime, 5)
  for (const timer of timers) timer.cancel()
  assert.is(fired, 0)
})

test('deferred work runs after the present turn and its microtasks', async () => {
  const order: string[] = []
  await deadline(
    1_000,
    'defer',
    new Promise<void>(resolve => {
      systemRuntime.defer(() => {
        order.push('deferred')
        resolve()
      })
      void Promise.resolve().then(() => order.push('microtask'))
      order.push('now')
    }),
  )
  assert.equal(order, ['now', 'microtask', 'deferred'])
})

test.run()
