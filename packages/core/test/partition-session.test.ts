import {
  type Deliver,
  type Delivery,
  type DeliveryBatch,
  type InboundRecord,
  PartitionSession,
} from '@busbar/core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ManualTimers, microtasks } from './manual-timers.js'
import { seededRandom } from './seeded-random.js'

const record = (offset: number, key: string | null = null): InboundRecord => ({
  topic: 't',
  partition: 3,
  offset,
  key: key === null ? null : new TextEncoder().encode(key),
  value: null,
  headers: {},
  timestampMs: 0,
})

function open(options: { start?: number; maxInFlight?: number; deliver?: Deliver } = {}) {
  const timers = new ManualTimers()
  const batches: DeliveryBatch[] = []
  const deliveries: Delivery[] = []
  let progress = 0
  const session = new PartitionSession({
    topic: 't',
    partition: 3,
    start: options.start ?? 0,
    runtime: timers,
    maxInFlight: options.maxInFlight ?? 100,
    onProgress: () => {
      progress += 1
    },
    deliver: batch => {
      batches.push(batch)
      deliveries.push(...batch.deliveries)
      return options.deliver?.(batch) ?? Promise.resolve()
    },
  })
  const offsets = () => deliveries.map(delivery => delivery.record.offset)
  const at = (offset: number) =>
    deliveries.findLast(delivery => delivery.record.offset === offset) as Delivery
  return { session, timers, batches, deliveries, offsets, at, progress: () => progress }
}

/** Whether a promise has resolved by now. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false
  void promise.then(() => (settled = true))
  await microtasks()
  return settled
}

test('delivers a batch of its partition, in order, and passes over what it has seen', () => {
  const { session, batches, offsets } = open({ start: 5 })
  void session.push([record(4), record(5), record(7)])
  void session.push([record(7), record(8)])
  assert.equal(offsets(), [5, 7, 8])
  assert.equal(
    batches.map(({ topic, partition }) => [topic, partition]),
    [
      ['t', 3],
      ['t', 3],
    ],
  )
  assert.equal([session.next, session.committable, session.unfinished], [9, 5, 3])
})

test('a push of nothing new delivers nothing', () => {
  const { session, batches } = open({ start: 5 })
  void session.push([record(1)])
  assert.is(batches.length, 0)
})

test('acknowledging moves the prefix, and says so when it moved', () => {
  const { session, at, progress } = open()
  void session.push([record(0), record(1), record(2)])
  at(1).settle({ kind: 'ack' })
  assert.equal([session.committable, progress()], [0, 0])
  at(0).settle({ kind: 'ack' })
  assert.equal([session.committable, progress(), session.unfinished], [2, 1, 1])
})

test('the first settlement wins', () => {
  const { session, at } = open()
  void session.push([record(0)])
  const delivery = at(0)
  assert.ok(delivery.settle({ kind: 'nack' }))
  assert.not.ok(delivery.settle({ kind: 'ack' }))
  assert.is(session.unfinished, 1)
})

test('a delivery of an earlier attempt settles nothing', async () => {
  const { session, timers, deliveries } = open()
  void session.push([record(0)])
  deliveries[0]?.settle({ kind: 'nack' })
  await timers.advance(0)
  assert.is(deliveries[1]?.attempt, 2)
  assert.not.ok(deliveries[0]?.settle({ kind: 'ack' }))
  assert.ok(deliveries[1]?.settle({ kind: 'ack' }))
  assert.is(session.committable, 1)
})

test('handed back, it comes again after its delay with what its key has behind it; other keys go on', async () => {
  const { session, timers, offsets, at } = open()
  void session.push([record(0, 'a'), record(1, 'b'), record(2, 'a')])
  at(2).settle({ kind: 'nack' })
  at(0).settle({ kind: 'nack', delayMs: 50 })
  at(1).settle({ kind: 'ack' })
  void session.push([record(3, 'a'), record(4, 'b')])
  assert.equal(offsets(), [0, 1, 2, 4])
  await timers.advance(49)
  assert.equal(offsets(), [0, 1, 2, 4])
  await timers.advance(1)
  assert.equal(offsets().slice(4), [0, 2, 3])
  assert.equal([at(0).attempt, at(2).attempt, at(3).attempt], [2, 2, 1])
  assert.is(timers.pending, 0)
})

test('the delay of a successor does not hold back, nor bring forward, the first of its key', async () => {
  const { session, timers, offsets, at } = open()
  void session.push([record(0, 'a'), record(1, 'a')])
  at(0).settle({ kind: 'nack', delayMs: 10 })
  at(1).settle({ kind: 'nack', delayMs: 1_000 })
  await timers.advance(10)
  assert.equal(offsets(), [0, 1, 0, 1])
  at(1).settle({ kind: 'nack', delayMs: 10 })
  at(0).settle({ kind: 'nack', delayMs: 1_000 })
  await timers.advance(999)
  assert.is(offsets().length, 4)
  await timers.advance(1)
  assert.equal(offsets().slice(4), [0, 1])
})

test('records without a key wait for nobody', async () => {
  const { session, timers, offsets, at } = open()
  void session.push([record(0), record(1)])
  at(0).settle({ kind: 'nack', delayMs: 10 })
  void session.push([record(2)])
  assert.equal(offsets(), [0, 1, 2])
  await timers.advance(10)
  assert.equal(offsets(), [0, 1, 2, 0])
})

test('keys are compared by their bytes, also bytes that are no text', () => {
  const { session, offsets, at } = open()
  const withKey = (offset: number, ...key: number[]) => ({ ...record(offset), key: Uint8Array.from(key) })
  void session.push([withKey(0, 0xff)])
  at(0).settle({ kind: 'nack' })
  void session.push([withKey(1, 0xfe), withKey(2, 0xff), withKey(3)])
  assert.equal(offsets(), [0, 1, 3])
})

test('paused, nothing comes again; resumed, what is due comes', async () => {
  const { session, timers, offsets, at } = open()
  void session.push([record(0, 'a'), record(1, 'b')])
  session.pause()
  at(0).settle({ kind: 'nack', delayMs: 5 })
  at(1).settle({ kind: 'nack', delayMs: 50 })
  await timers.advance(5)
  assert.equal(offsets(), [0, 1])
  session.resume()
  assert.equal(offsets(), [0, 1, 0])
  await timers.advance(45)
  assert.equal(offsets(), [0, 1, 0, 1])
})

test('what is due while paused waits on for a predecessor that is handed back with a delay', async () => {
  const { session, timers, offsets, at } = open()
  void session.push([record(0, 'a'), record(1, 'a')])
  session.pause()
  at(1).settle({ kind: 'nack' })
  await timers.advance(0)
  at(0).settle({ kind: 'nack', delayMs: 10 })
  session.resume()
  assert.equal(offsets(), [0, 1])
  await timers.advance(10)
  assert.equal(offsets(), [0, 1, 0, 1])
})

test('at the limit push holds back until a record is finished', async () => {
  const { session, at } = open({ maxInFlight: 2 })
  assert.ok(await isSettled(session.push([record(0)])))
  const pushed = session.push([record(1)])
  assert.not.ok(await isSettled(pushed))
  at(1).settle({ kind: 'nack' })
  assert.not.ok(await isSettled(pushed), 'handed back is not finished')
  at(0).settle({ kind: 'ack' })
  assert.ok(await isSettled(pushed))
})

test('of a push beyond the limit, the rest is delivered in order as room is made', async () => {
  const { session, offsets, at, batches } = open({ maxInFlight: 3 })
  const pushed = session.push([0, 1, 2, 3, 4, 5, 6].map(offset => record(offset, `key-${offset}`)))
  session.skipTo(9)
  await microtasks()
  assert.equal(offsets(), [0, 1, 2])
  at(1).settle({ kind: 'ack' })
  at(2).settle({ kind: 'ack' })
  await microtasks()
  assert.equal(offsets(), [0, 1, 2, 3, 4])
  assert.is(batches.length, 2, 'what was settled in one turn makes room for one batch')
  assert.is(session.committable, 0)
  assert.not(await isSettled(pushed))
  for (const offset of [0, 3, 4]) at(offset).settle({ kind: 'ack' })
  await microtasks()
  assert.equal(offsets(), [0, 1, 2, 3, 4, 5, 6])
  assert.is(session.committable, 5)
  assert.ok(await isSettled(pushed))
  for (const offset of [5, 6]) at(offset).settle({ kind: 'ack' })
  assert.is(session.committable, 9)
})

test('what waits for room comes behind what is handed back of its key', async () => {
  const { session, offsets, at, timers } = open({ maxInFlight: 2 })
  void session.push([record(0, 'a'), record(1, 'b'), record(2, 'a'), record(3, 'b')])
  await microtasks()
  at(0).settle({ kind: 'nack', delayMs: 10 })
  at(1).settle({ kind: 'ack' })
  await microtasks()
  assert.equal(offsets(), [0, 1], 'the successor waits for the first of its key, in flight like it')
  await timers.advance(10)
  assert.equal(offsets(), [0, 1, 0, 2])
  at(0).settle({ kind: 'ack' })
  await microtasks()
  assert.equal(offsets(), [0, 1, 0, 2, 3])
})

test('what waits for room waits until deliver has welcomed more, through a pause, and ends with the ownership', async () => {
  let welcome = () => {}
  const { session, offsets, at } = open({
    maxInFlight: 1,
    deliver: () =>
      new Promise<void>(resolve => {
        welcome = resolve
      }),
  })
  void session.push([record(0), record(1), record(2), record(3)])
  at(0).settle({ kind: 'ack' })
  await microtasks()
  assert.equal(offsets(), [0])
  welcome()
  await microtasks()
  await microtasks()
  assert.equal(offsets(), [0, 1])
  session.pause()
  welcome()
  at(1).settle({ kind: 'ack' })
  await microtasks()
  await microtasks()
  assert.equal(offsets(), [0, 1])
  session.resume()
  await microtasks()
  assert.equal(offsets(), [0, 1, 2])
  welcome()
  at(2).settle({ kind: 'ack' })
  session.revoke(new Error('moved'))
  await microtasks()
  await microtasks()
  assert.equal(offsets(), [0, 1, 2])
})

test('push holds back until deliver welcomes more, also if it fails', async () => {
  for (const outcome of ['resolve', 'reject'] as const) {
    let end = () => {}
    const deliver: Deliver = () => {
      return new Promise(
        (resolve, reject) => (end = outcome === 'resolve' ? resolve : () => reject(new Error('no'))),
      )
    }
    const { session } = open({ deliver })
    const pushed = session.push([record(0)])
    assert.not.ok(await isSettled(pushed))
    assert.not.ok(session.welcome)
    end()
    assert.ok(await isSettled(pushed))
  }
})

test('an unfinished record does not let the positions behind it grow without bound', async () => {
  const { session, deliveries } = open({ maxInFlight: 2 })
  void session.push([record(0)])
  await microtasks()
  let offset = 1
  while (session.welcome && offset < 1_000) {
    void session.push([record(offset)])
    deliveries.at(-1)?.settle({ kind: 'ack' })
    offset += 1
    await microtasks()
  }
  assert.is(offset, 32)
  deliveries[0]?.settle({ kind: 'ack' })
  assert.ok(session.welcome)
})

test('revocation aborts the signal, wakes whoever waits, and ends settling and coming again', async () => {
  const { session, timers, batches, offsets, at } = open({ maxInFlight: 2 })
  const pushed = session.push([record(0), record(1)])
  at(0).settle({ kind: 'nack', delayMs: 5 })
  const reason = new Error('moved')
  session.revoke(reason)
  session.revoke(new Error('again'))
  assert.is(batches[0]?.signal.reason, reason)
  assert.is(timers.pending, 0)
  assert.ok(await isSettled(pushed))
  assert.not.ok(at(1).settle({ kind: 'ack' }))
  void session.push([record(2)])
  await timers.advance(100)
  assert.equal(offsets(), [0, 1])
  assert.is(session.committable, 0)
})

test('skipping passes over what is gone from the log', () => {
  const { session, at, progress } = open()
  void session.push([record(0)])
  session.skipTo(10)
  assert.equal([session.next, session.committable, progress()], [10, 0, 0])
  at(0).settle({ kind: 'ack' })
  assert.equal([session.committable, progress()], [10, 1])
  session.skipTo(20)
  assert.equal([session.committable, progress()], [20, 2])
})

test('whatever is acknowledged or handed back when: order per key, no early commit, nothing lost, nothing twice', async () => {
  for (let seed = 1; seed <= 150; seed += 1) {
    const random = seededRandom(seed)
    const pick = (below: number) => Math.floor(random() * below)
    const total = 60
    const log = Array.from({ length: total }, (_, offset) =>
      record(offset, random() < 0.2 ? null : `k${pick(4)}`),
    )
    const lanes = new Map<string, Delivery[]>()
    const done = new Set<number>()
    const laneOf = ({ key, offset }: InboundRecord) => (key === null ? `#${offset}` : String(key))
    const { session, timers } = open({
      maxInFlight: 10,
      deliver: async ({ deliveries }) => {
        for (const delivery of deliveries) {
          const lane = lanes.get(laneOf(delivery.record)) ?? []
          const last = lane.at(-1)
          assert.ok(!last || last.record.offset < delivery.record.offset, `seed ${seed}: out of order`)
          assert.not.ok(
            done.has(delivery.record.offset),
            `seed ${seed}: ${delivery.record.offset} came after its end`,
          )
          lanes.set(laneOf(delivery.record), [...lane, delivery])
        }
      },
    })
    let next = 0
    for (let step = 0; done.size < total; step += 1) {
      assert.ok(step < 5_000, `seed ${seed}: stuck with ${done.size} of ${total}`)
      if (session.welcome && next < total) {
        const count = Math.min(1 + pick(5), 10 - session.unfinished)
        void session.push(log.slice(next, next + count))
        next = Math.min(next + count, total)
      }
      const busy = [...lanes].filter(([, lane]) => lane.length > 0)
      const [name, lane = []] = busy[pick(busy.length)] ?? []
      const head = lane[0]
      if (name !== undefined && head) {
        const isFirst = log.every(
          other => laneOf(other) !== name || other.offset >= head.record.offset || done.has(other.offset),
        )
        assert.ok(isFirst, `seed ${seed}: ${head.record.offset} overtook its key`)
        if (random() < 0.3) {
          // As the contract asks: what the key has behind it is handed back in the same turn.
          for (const delivery of lane) assert.ok(delivery.settle({ kind: 'nack', delayMs: pick(20) }))
          lanes.delete(name)
        } else {
          assert.ok(head.settle({ kind: 'ack' }))
          done.add(head.record.offset)
          lanes.set(name, lane.slice(1))
        }
      }
      const firstOpen = log.findIndex(({ offset }) => !done.has(offset))
      assert.is(session.committable, Math.min(next, firstOpen < 0 ? total : firstOpen), `seed ${seed}`)
      assert.is(session.unfinished, next - done.size)
      await (random() < 0.3 ? timers.advance(pick(10)) : microtasks())
    }
    session.revoke('end')
  }
})

test.run()
