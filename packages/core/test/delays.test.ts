import assert from 'node:assert/strict'
import { BusbarError } from '@busbar/core'
import { suite } from 'uvu'
import { rejects } from './support/assertions.js'
import { headerOf, Thing, until, world } from './support/failure-world.js'

const test = suite('delayed publishing')

const hourMs = 3_600_000

test('each event comes when it is due, a short delay before a long one', async () => {
  await using w = world()
  const { bus } = w.service()
  const at = new Map<string, number>()
  bus.subscribe(Thing, ({ id }) => void at.set(id, w.runtime.now() - from))
  await bus.start()
  const from = w.runtime.now()
  const delays = [500, 1_000, 7_000, 65_000, hourMs, 26 * hourMs]
  for (const delayMs of delays.toReversed()) await bus.publish(Thing, { id: String(delayMs) }, { delayMs })
  assert.equal(w.records('things').length, 0)
  for (const delayMs of delays) {
    await w.runtime.advance(from + delayMs - w.runtime.now() - 1)
    assert.equal(at.has(String(delayMs)), false, `${delayMs} came early`)
    await w.advanceUntil(() => at.has(String(delayMs)), `${delayMs}`, 1)
    assert.ok(
      (at.get(String(delayMs)) as number) <= delayMs + 50,
      `${delayMs} came at ${at.get(String(delayMs))}`,
    )
  }
})

test('goes from step to ever shorter step, and arrives as it was published', async () => {
  await using w = world()
  const { bus } = w.service()
  await bus.start()
  const { id } = await bus.publish(
    Thing,
    { id: 'a', key: 'k' },
    { delayMs: 36_000, headers: { tenant: 'north' } },
  )
  await bus.publish(Thing, { id: 'b', key: 'k' })
  await w.advanceUntil(() => w.records('things').length === 2, 'its arrival', 100)
  const hops = (seconds: number) => w.records(`service.delay.${seconds}s`).length
  assert.deepEqual([1, 5, 30, 180].map(hops), [1, 1, 1, 0])
  const [plain, delayed] = w.records('things')
  assert.ok(plain && delayed)
  assert.deepEqual(Object.keys(delayed.headers).sort(), [...Object.keys(plain.headers), 'tenant'].sort())
  assert.equal(headerOf(delayed, 'ce_id'), id)
  assert.deepEqual(
    [delayed.key, Buffer.from(delayed.value ?? []).toString()],
    [plain.key, '{"id":"a","key":"k"}'],
  )
})

test('survives a restart, also of a service that only publishes', async () => {
  await using w = world()
  const first = w.service()
  await first.bus.start()
  await first.bus.publish(Thing, { id: 'a' }, { delayMs: 10_000 })
  await first.bus.close()
  await w.runtime.advance(20_000)
  assert.equal(w.records('things').length, 0)
  const second = w.service()
  await second.bus.start()
  await w.advanceUntil(() => w.records('things').length === 1, 'its arrival')
})

test('a process that dies in the middle loses nothing', async () => {
  await using w = world()
  const first = w.service()
  const second = w.service()
  await first.bus.start()
  await second.bus.start()
  for (let id = 0; id < 50; id++)
    await first.bus.publish(Thing, { id: String(id) }, { delayMs: 1_000 + id * 200 })
  await w.runtime.advance(4_000)
  first.transport.crash()
  const arrived = () => new Set(w.records('things').map(record => headerOf(record, 'ce_id'))).size
  const third = w.service()
  await third.bus.start()
  await w.advanceUntil(() => arrived() === 50, 'all of them')
})

test('events of one key and one delay keep their order', async () => {
  await using w = world({ partitions: 3 })
  const { bus } = w.service()
  const seen: string[] = []
  bus.subscribe(Thing, ({ id }) => void seen.push(id))
  await bus.start()
  const ids = Array.from({ length: 30 }, (_, id) => String(id))
  for (const id of ids) await bus.publish(Thing, { id, key: 'k' }, { delayMs: 7_300 })
  await w.advanceUntil(() => seen.length === 30, 'all')
  assert.deepEqual(seen, ids)
})

test('no delay goes straight to the topic', async () => {
  await using w = world()
  const { bus } = w.service()
  await bus.start()
  await bus.publish(Thing, { id: 'a' }, { delayMs: 0 })
  await bus.publishBatch(Thing, [{ id: 'b' }], { delayMs: 0 })
  assert.equal(w.records('things').length, 2)
  assert.deepEqual(w.broker.topics(), ['things'])
})

test('a delay that is none is refused', async () => {
  await using w = world()
  const { bus } = w.service()
  await bus.start()
  for (const delayMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.match(
      (await rejects(bus.publish(Thing, { id: 'a' }, { delayMs }), 'CONFIG_INVALID')).message,
      /delayMs/,
    )
  }
})

test('forwarding that fails is tried again', async () => {
  await using w = world()
  let isDown = true
  const { bus, lines } = w.refusing(({ topic }) => {
    if (isDown && topic === 'things') throw new BusbarError('CONNECTION_FAILED', 'away')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' }, { delayMs: 1_000 })
  await w.advanceUntil(
    () => lines.filter(line => line.message.includes('tried again')).length >= 3,
    'three tries',
  )
  isDown = false
  await w.advanceUntil(() => w.records('things').length === 1, 'its arrival')
})

test('closing with much that waits is at once', async () => {
  await using w = world()
  const { bus } = w.service()
  await bus.start()
  for (let id = 0; id < 200; id++) await bus.publish(Thing, { id: String(id) }, { delayMs: hourMs })
  await w.runtime.advance(100)
  let isClosed = false
  const closing = bus.close().then(() => (isClosed = true))
  await until(() => isClosed, 'the close')
  await closing
  assert.equal(w.runtime.pending, 0)
})

test('a batch is delayed as a whole', async () => {
  await using w = world()
  const { bus } = w.service()
  await bus.start()
  await bus.publishBatch(
    Thing,
    [
      { id: 'a', key: 'k' },
      { id: 'b', key: 'k' },
    ],
    { delayMs: 2_000 },
  )
  await w.advanceUntil(() => w.records('things').length === 2, 'both')
})

test.run()
