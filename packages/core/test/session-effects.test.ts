import { type Delivery, type InboundRecord, type OutboundRecord, PartitionSession } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { effectLimits } from '../dist/effect-queue.js'
import { ManualTimers, microtasks } from './manual-timers.js'
import { seededRandom } from './seeded-random.js'

const test = suite('effects of acknowledgements in a partition session')

const record = (offset: number): InboundRecord => ({
  topic: 't',
  partition: 3,
  offset,
  key: null,
  value: null,
  headers: {},
  timestampMs: 0,
})

const output = (text: string, bytes = 1): OutboundRecord => ({
  topic: 'out',
  key: Buffer.from(text),
  value: new Uint8Array(bytes),
  headers: {},
  timestampMs: 0,
})

const textsOf = (records: readonly OutboundRecord[] | undefined) => records?.map(({ key }) => String(key))

function open(options: { start?: number; committed?: number; maxInFlight?: number; plain?: boolean } = {}) {
  const timers = new ManualTimers()
  const deliveries: Delivery[] = []
  const { plain = false, start = 0, maxInFlight = 100, ...rest } = options
  const session = new PartitionSession({
    topic: 't',
    partition: 3,
    start,
    runtime: timers,
    maxInFlight,
    transactional: !plain,
    ...rest,
    deliver: async batch => void deliveries.push(...batch.deliveries),
  })
  const at = (offset: number) =>
    deliveries.findLast(delivery => delivery.record.offset === offset) as Delivery
  const ack = (offset: number, ...texts: string[]) =>
    at(offset).settle({ kind: 'ack', effects: { records: texts.map(text => output(text)) } })
  return { session, timers, deliveries, at, ack }
}

test('effects come in the order of the log, and those ahead of an unfinished record wait', () => {
  const { session, at, ack } = open()
  void session.push([0, 1, 2, 3].map(record))
  assert.is(session.pending, undefined)
  ack(2, 'c1', 'c2')
  assert.is(session.pending, undefined)
  ack(0, 'a')
  assert.equal([session.pending?.position, textsOf(session.pending?.records)], [1, ['a']])
  at(1).settle({ kind: 'ack' })
  assert.equal([session.pending?.position, textsOf(session.pending?.records)], [3, ['a', 'c1', 'c2']])
})

test('a commit takes what was there when it was asked for; what came meanwhile is for the next', () => {
  const { session, ack } = open()
  void session.push([0, 1, 2].map(record))
  ack(0, 'a')
  const first = session.pending
  ack(1, 'b')
  first?.committed([{ topic: 'out', partition: 0, offset: 7 }])
  const second = session.pending
  assert.equal([second?.position, textsOf(second?.records)], [2, ['b']])
  second?.committed([])
  assert.is(session.pending, undefined)
})

test('whoever asked is told once where its own records stand, in the order of the log', () => {
  const { session, at } = open()
  void session.push([0, 1, 2].map(record))
  const told: string[] = []
  const settle = (offset: number, ...texts: string[]) =>
    at(offset).settle({
      kind: 'ack',
      effects: {
        records: texts.map(text => output(text)),
        onCommitted: positions => told.push(`${offset}: ${positions.map(position => position.offset)}`),
      },
    })
  settle(1, 'b1', 'b2')
  settle(2)
  settle(0, 'a')
  const pending = session.pending
  assert.equal(told, [])
  const positions = [5, 6, 9].map(offset => ({ topic: 'out', partition: 0, offset }))
  pending?.committed(positions)
  pending?.committed(positions)
  assert.equal(told, ['0: 5', '1: 6,9', '2: '])
})

test('what was not committed is there again, and nobody is told', () => {
  const { session, ack } = open()
  void session.push([record(0)])
  ack(0, 'a')
  assert.equal(textsOf(session.pending?.records), ['a'])
  assert.equal(textsOf(session.pending?.records), ['a'])
})

test('with the ownership all of it ends; a transaction that was under way is told all the same', () => {
  const { session, at } = open()
  void session.push([0, 1].map(record))
  const told: number[] = []
  const tell = (offset: number) => ({ records: [output('x')], onCommitted: () => void told.push(offset) })
  at(0).settle({ kind: 'ack', effects: tell(0) })
  const underWay = session.pending
  at(1).settle({ kind: 'ack', effects: tell(1) })
  session.revoke(new Error('moved'))
  assert.is(session.pending, undefined)
  underWay?.committed([])
  assert.equal(told, [0])
})

test('a position is committed without effects as well, over gaps, and where it differs from the start', () => {
  const { session, at } = open({ start: 5 })
  assert.is(session.pending, undefined)
  void session.push([record(5)])
  session.skipTo(9)
  at(5).settle({ kind: 'ack' })
  assert.equal([session.pending?.position, session.pending?.records], [9, []])
  assert.is(open({ start: 5, committed: 3 }).session.pending?.position, 5)
})

test('handed back and acknowledged later, its effects wait until then, and those behind it wait for them', async () => {
  const { session, timers, at, ack } = open()
  void session.push([0, 1].map(record))
  at(0).settle({ kind: 'nack', delayMs: 5 })
  ack(1, 'b')
  assert.is(session.pending, undefined)
  await timers.advance(5)
  ack(0, 'a')
  assert.equal(textsOf(session.pending?.records), ['a', 'b'])
})

test('a subscription that is not transactional refuses effects, and the delivery is still to be settled', () => {
  const { session, at, ack } = open({ plain: true })
  void session.push([record(0)])
  assert.throws(
    () => ack(0, 'a'),
    (thrown: Error & { code: string }) =>
      thrown.code === 'CONFIG_INVALID' && /t\/3.*not transactional/.test(thrown.message),
  )
  assert.is(session.unfinished, 1)
  assert.ok(at(0).settle({ kind: 'ack' }))
  assert.is(session.pending?.position, 1, 'positions can be taken the same way')
})

test('kept effects have a bound, in records and in bytes: at it nothing more is welcome until a commit', async () => {
  for (const [count, bytes] of [
    [effectLimits.records / 10, 1],
    [1, Math.ceil(effectLimits.bytes / 10)],
  ] as const) {
    const { session, deliveries, at } = open({ maxInFlight: 1 })
    void session.push(Array.from({ length: 50 }, (_, offset) => record(offset)))
    await microtasks()
    for (let offset = 0; offset < deliveries.length; offset += 1) {
      assert.is(session.isCommitDue, offset >= 5, `after ${offset}`)
      const records = Array.from({ length: count }, () => output('', bytes))
      at(offset).settle({ kind: 'ack', effects: { records } })
      await microtasks()
    }
    assert.is(deliveries.length, 10)
    assert.not(session.welcome)
    session.pending?.committed([])
    assert.not(session.isCommitDue)
    await microtasks()
    assert.is(deliveries.length, 11)
  }
})

test('at the bound, what holds the prefix up still comes again', async () => {
  const { session, timers, deliveries, at } = open({ maxInFlight: 2 })
  void session.push([0, 1, 2].map(record))
  at(0).settle({ kind: 'nack', delayMs: 5 })
  at(1).settle({ kind: 'ack', effects: { records: [output('', effectLimits.bytes)] } })
  await microtasks()
  assert.is(deliveries.length, 2)
  assert.not(session.isCommitDue, 'no commit would help')
  await timers.advance(5)
  at(0).settle({ kind: 'ack' })
  assert.ok(session.isCommitDue)
  session.pending?.committed([])
  await microtasks()
  assert.equal(
    deliveries.map(({ record: { offset } }) => offset),
    [0, 1, 0, 2],
  )
})

test('whatever settles when, commits and fails when: each effect once, in order, with its position', async () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = seededRandom(seed)
    const { session, timers, deliveries, at, ack } = open({ maxInFlight: 8 })
    const total = 60
    void session.push(Array.from({ length: total }, (_, offset) => record(offset)))
    const stored: string[] = []
    let committed = 0
    let pending = session.pending
    for (let step = 0; committed < total; step += 1) {
      assert.ok(step < 5_000, `seed ${seed}: stuck at ${committed}`)
      const last = Math.max(...deliveries.map(delivery => delivery.record.offset))
      const picked = at(Math.min(last, committed + Math.floor(random() * 10)))
      const choice = random()
      if (choice < 0.2) picked.settle({ kind: 'nack', delayMs: 2 })
      else if (choice < 0.7) ack(picked.record.offset, String(picked.record.offset))
      else if (pending && choice < 0.8) {
        pending.committed([])
        stored.push(...(textsOf(pending.records) ?? []))
        committed = pending.position
        assert.is(stored.length, committed, `seed ${seed}`)
        pending = undefined
      } else if (choice < 0.9) pending ??= session.pending
      else if (choice < 0.95) pending = undefined
      await timers.advance(1)
      await microtasks()
    }
    assert.equal(
      stored,
      Array.from({ length: total }, (_, offset) => String(offset)),
      `seed ${seed}`,
    )
  }
})

test.run()
