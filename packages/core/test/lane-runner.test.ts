import type { Delivery, Outcome } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LaneRunner } from '../dist/lane-runner.js'
import { deferred } from './support/assertions.js'
import { batchOf, delivery, text } from './support/deliveries.js'
import { settle } from './support/fake-runtime.js'

const test = suite('lane runner')
const ack: Outcome = { kind: 'ack' }

/** A runner whose deliveries end when the test says so. */
function manual(options: { concurrency?: number; maxQueued?: number } = {}) {
  const open = new Map<number, { end: (outcome: Outcome) => void; ends: readonly AbortSignal[] }>()
  const started: number[] = []
  const runner = new LaneRunner({
    concurrency: options.concurrency ?? 100,
    maxQueued: options.maxQueued ?? 1_000,
    handle: ({ record }, { ends }) => {
      started.push(record.offset)
      return new Promise(end => open.set(record.offset, { end, ends }))
    },
  })
  const end = async (offset: number, outcome: Outcome = ack) => {
    open.get(offset)?.end(outcome)
    open.delete(offset)
    await settle(2)
  }
  return { runner, started, open, end }
}

const isPending = async (promise: Promise<unknown>): Promise<boolean> => {
  let pending = true
  void promise.then(() => {
    pending = false
  })
  await settle(2)
  return pending
}

test('runs different keys side by side and one key in order', async () => {
  const { runner, started, end } = manual()
  await runner.deliver(
    batchOf([delivery(0, 'a'), delivery(1, 'a'), delivery(2, 'b'), delivery(3), delivery(4)]),
  )
  assert.equal(started, [0, 2, 3, 4])
  await end(0)
  assert.equal(started, [0, 2, 3, 4, 1])
})

test('equal bytes are one key, whatever text they make', async () => {
  const { runner, started } = manual()
  const raw = (offset: number, key: number[]) => {
    const made = delivery(offset)
    return { ...made, record: { ...made.record, key: Uint8Array.from(key) } }
  }
  await runner.deliver(batchOf([raw(0, [0xff]), raw(1, [0xfe]), raw(2, [0xff]), raw(3, []), raw(4, [])]))
  assert.equal(started, [0, 1, 3])
})

test('equal keys of two partitions do not wait for each other', async () => {
  const { runner, started } = manual()
  await runner.deliver(batchOf([delivery(0, 'a')], new AbortController().signal))
  await runner.deliver(batchOf([delivery(1, 'a')], new AbortController().signal))
  assert.equal(started, [0, 1])
})

test('never runs more than its bound, and fills it again as soon as one ends', async () => {
  const { runner, started, end } = manual({ concurrency: 2 })
  await runner.deliver(batchOf([0, 1, 2, 3].map(offset => delivery(offset))))
  assert.equal([started, runner.running], [[0, 1], 2])
  await end(1)
  assert.equal([started, runner.running], [[0, 1, 2], 2])
})

test('one key that is a hundred times slower holds back only itself', async () => {
  const { runner, started, end } = manual()
  await runner.deliver(batchOf([delivery(0, 'slow'), delivery(1, 'slow')]))
  for (let round = 0; round < 100; round++) {
    const deliveries = Array.from({ length: 11 }, (_, key) => delivery(2 + round * 11 + key, `quick-${key}`))
    await runner.deliver(batchOf(deliveries))
    for (const { record } of deliveries) await end(record.offset)
  }
  assert.is(started.length, 1 + 1_100)
  assert.not.ok(started.includes(1))
  await end(0)
  assert.is(started.at(-1), 1)
})

test('a partition with too much queued is welcome again at half of that', async () => {
  const { runner, end } = manual({ concurrency: 1, maxQueued: 4 })
  const { signal } = new AbortController()
  const few = runner.deliver(
    batchOf(
      [0, 1, 2, 3].map(offset => delivery(offset)),
      signal,
    ),
  )
  assert.not.ok(await isPending(few))
  const many = runner.deliver(batchOf([delivery(4)], signal))
  const other = runner.deliver(batchOf([delivery(9)]))
  assert.ok(await isPending(many))
  assert.not.ok(await isPending(other), 'another partition does not wait')
  await end(0)
  assert.ok(await isPending(many), 'three are queued')
  await end(1)
  assert.not.ok(await isPending(many), 'two are queued')
})

test('a record handed back takes what its key has queued along, in order and untried', async () => {
  const { runner, end, started } = manual()
  const settled: [number, Outcome][] = []
  const made = [0, 1, 2].map(offset => delivery(offset, 'a', (...each) => settled.push(each)))
  const other = delivery(3, 'b', (...each) => settled.push(each))
  await runner.deliver(batchOf([...made, other]))
  await end(0, { kind: 'nack', delayMs: 50 })
  const untried = { kind: 'nack', untried: true }
  assert.equal(settled, [
    [0, { kind: 'nack', delayMs: 50 }],
    [1, untried],
    [2, untried],
  ])
  assert.equal(started, [0, 3])
  await runner.deliver(batchOf([delivery(10, 'a')]))
  assert.equal(started, [0, 3, 10], 'the key can run again')
})

test('a handler that rejects after all hands its record back', async () => {
  const runner = new LaneRunner({
    concurrency: 1,
    maxQueued: 9,
    handle: () => Promise.reject(new Error('x')),
  })
  const made = [delivery(0, 'a'), delivery(1, 'b')]
  await runner.deliver(batchOf(made))
  await settle(2)
  assert.equal(
    made.map(each => each.outcomes[0]?.kind),
    ['nack', 'nack'],
  )
})

test('after a revocation nothing queued starts, nothing is settled, and signals have aborted', async () => {
  const { runner, started, open, end } = manual({ concurrency: 2, maxQueued: 2 })
  const ownership = new AbortController()
  const made = [delivery(0, 'a'), delivery(1, 'a'), delivery(2, 'b'), delivery(3, 'c'), delivery(4, 'd')]
  const welcome = runner.deliver(batchOf(made, ownership.signal))
  ownership.abort(new Error('moved away'))
  assert.not.ok(await isPending(welcome), 'nobody waits for room in a partition that is gone')
  assert.ok(open.get(0)?.ends.some(end => end.aborted))
  await end(0)
  await end(2)
  assert.equal(started, [0, 2])
  assert.equal(
    made.slice(3).flatMap(each => each.outcomes),
    [],
  )
  const late = delivery(5)
  await runner.deliver(batchOf([late], ownership.signal))
  assert.equal([started, late.outcomes], [[0, 2], []])
})

test('a partition that went and came back does not wait for its former ownership', async () => {
  const { runner, started } = manual()
  const former = new AbortController()
  await runner.deliver(batchOf([delivery(0, 'a')], former.signal))
  former.abort()
  await runner.deliver(batchOf([delivery(0, 'a')]))
  assert.equal(started, [0, 0])
})

test('drain hands back what is queued and waits for what runs', async () => {
  const { runner, end } = manual({ concurrency: 1 })
  const made = [delivery(0, 'a'), delivery(1, 'a'), delivery(2, 'b')]
  await runner.deliver(batchOf(made))
  const drained = runner.drain(new AbortController().signal)
  assert.equal(
    made.map(each => each.outcomes[0]?.kind),
    [undefined, 'nack', 'nack'],
  )
  assert.ok(await isPending(drained))
  const late = delivery(3)
  await runner.deliver(batchOf([late]))
  assert.equal(late.outcomes, [{ kind: 'nack', untried: true }])
  await end(0)
  await deadline(1_000, 'drain', drained)
  assert.equal(made[0]?.outcomes, [ack])
})

test('past its deadline drain aborts what runs and hands it back; what it says later is too late', async () => {
  const { runner, open, end } = manual()
  const made = delivery(0)
  await runner.deliver(batchOf([made]))
  const late = new AbortController()
  const drained = runner.drain(late.signal)
  late.abort(new Error('time is over'))
  await deadline(1_000, 'drain', drained)
  assert.equal(
    open.get(0)?.ends.map(end => end.aborted),
    [false, true],
  )
  await end(0)
  assert.equal(made.outcomes, [{ kind: 'nack' }])
})

test('drain of an idle runner, and with a deadline that has passed, ends at once', async () => {
  await deadline(1_000, 'idle', manual().runner.drain(new AbortController().signal))
  const { runner } = manual()
  await runner.deliver(batchOf([delivery(0)]))
  await deadline(1_000, 'late', runner.drain(AbortSignal.abort()))
})

test('a hundred thousand records, few keys or many or none, take time in proportion', async () => {
  const count = 100_000
  for (const keyOf of [
    () => 'one',
    (n: number) => `key-${n % 1_000}`,
    (n: number) => `key-${n}`,
    () => null,
  ]) {
    const all = deferred()
    let settled = 0
    const order = new Map<string, number>()
    const handle = async ({ record }: Delivery): Promise<Outcome> => {
      const key = text(record.key)
      if (record.key) assert.ok((order.get(key) ?? -1) < record.offset)
      order.set(key, record.offset)
      return ack
    }
    const runner = new LaneRunner({ concurrency: 100, maxQueued: count * 2, handle })
    const done = () => void (++settled === count && all.resolve())
    const deliveries = Array.from({ length: count }, (_, n) => delivery(n, keyOf(n), done))
    // Quadratic work would take minutes.
    await deadline(8_000, 'all records', async () => {
      await runner.deliver(batchOf(deliveries))
      await all.promise
    })
  }
})

test.run()
