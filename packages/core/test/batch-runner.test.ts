import type { Outcome } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BatchCollector, type WaitingRecord } from '../dist/batch-collector.js'
import { BatchRunner, type BatchRunnerOptions } from '../dist/batch-runner.js'
import { DeliveryContext } from '../dist/context.js'
import { arrival, place } from './support/arrival.js'
import { deferred } from './support/assertions.js'
import { batchOf, delivery } from './support/deliveries.js'
import { FakeRuntime, settle } from './support/fake-runtime.js'

const test = suite('batch runner')

/** A runner whose onion only joins the batch, and fails records of an offset in `broken` before. */
function setUp(
  handler: (records: readonly WaitingRecord[]) => void | Promise<void>,
  options: Partial<BatchRunnerOptions> = {},
  broken: readonly number[] = [],
) {
  const runtime = new FakeRuntime()
  const calls: number[][] = []
  const runner = new BatchRunner({
    maxSize: 3,
    maxWaitMs: 50,
    maxQueued: 100,
    runtime,
    collector: size =>
      new BatchCollector(size, async records => {
        calls.push(records.map(({ context }) => context.record.offset))
        await handler(records)
      }),
    handle: async (each, slot, collector): Promise<Outcome> => {
      if (broken.includes(each.record.offset)) return { kind: 'nack', cause: 'broken' }
      try {
        await collector.join(
          new DeliveryContext(place(), each.record, arrival(slot), new AbortController().signal),
        )
        return { kind: 'ack' }
      } catch (cause) {
        return { kind: 'nack', cause }
      }
    },
    ...options,
  })
  return { runner, runtime, calls }
}

const deliveriesOf = (...keys: (string | null)[]) => keys.map((key, offset) => delivery(offset, key))
const kinds = (made: readonly { readonly outcomes: readonly Outcome[] }[]) =>
  made.map(each => each.outcomes[0]?.kind)

test('a full batch runs at once, one that is not full after its wait', async () => {
  const { runner, runtime, calls } = setUp(() => {})
  const made = deliveriesOf('a', 'b', 'c', 'd')
  await runner.deliver(batchOf(made))
  await settle()
  assert.equal(calls, [[0, 1, 2]])
  await runtime.advance(49)
  assert.equal(calls.length, 1)
  await runtime.advance(1)
  assert.equal(calls, [[0, 1, 2], [3]])
  assert.equal(kinds(made), ['ack', 'ack', 'ack', 'ack'])
  assert.is(runtime.pending, 0)
})

test('the wait is that of the first record, and is over when the batch is full', async () => {
  const { runner, runtime, calls } = setUp(() => {})
  const { signal } = new AbortController()
  const made = deliveriesOf('a', 'b', 'c')
  for (const each of made) {
    await runner.deliver(batchOf([each], signal))
    await runtime.advance(20)
  }
  assert.equal(calls, [[0, 1, 2]])
  assert.is(runtime.pending, 0)
})

test('one batch of a partition runs at a time; another partition does not wait', async () => {
  const gate = deferred()
  const { runner, calls } = setUp(() => gate.promise, { maxSize: 1 })
  const { signal } = new AbortController()
  await runner.deliver(batchOf([delivery(0), delivery(1)], signal))
  await runner.deliver(batchOf([delivery(7)]))
  await settle()
  assert.equal(calls, [[0], [7]])
  gate.resolve()
  await settle()
  assert.equal(calls, [[0], [7], [1]])
})

test('each record has its own outcome', async () => {
  const { runner } = setUp(records => {
    records[1]?.fail(new Error('mine'))
    records[1]?.done()
    records[2]?.done()
    records[2]?.fail(new Error('too late'))
  })
  const made = deliveriesOf('a', 'b', 'c')
  await runner.deliver(batchOf(made))
  await settle()
  assert.equal(kinds(made), ['ack', 'nack', 'ack'])
})

test('a handler that throws fails what it has not marked as done', async () => {
  const { runner } = setUp(records => {
    records[0]?.done()
    throw new Error('in the middle')
  })
  const made = deliveriesOf('a', 'b', 'c')
  await runner.deliver(batchOf(made))
  await settle()
  assert.equal(kinds(made), ['ack', 'nack', 'nack'])
})

test('a record that fails before it reaches the handler does not stop the others', async () => {
  const { runner, calls } = setUp(() => {}, {}, [1])
  const made = deliveriesOf('a', 'b', 'c')
  await runner.deliver(batchOf(made))
  await settle()
  assert.equal(calls, [[0, 2]])
  assert.equal(kinds(made), ['ack', 'nack', 'ack'])
})

test('a batch of which none reaches the handler ends as well', async () => {
  const { runner, calls } = setUp(() => {}, {}, [0, 1, 2])
  const made = deliveriesOf('a', 'b', 'c', 'd')
  await runner.deliver(batchOf(made))
  await settle()
  assert.equal(calls, [])
  assert.equal(kinds(made.slice(0, 3)), ['nack', 'nack', 'nack'])
})

test('a failed record takes what its key has queued along, in order, untried; other keys go on', async () => {
  const gate = deferred()
  const order: number[] = []
  const { runner, runtime, calls } = setUp(
    async records => {
      await gate.promise
      records[0]?.fail(new Error('first'))
    },
    { maxSize: 1 },
  )
  const made = ['a', 'a', 'b', 'a'].map((key, offset) => delivery(offset, key, each => order.push(each)))
  await runner.deliver(batchOf(made))
  gate.resolve()
  await runtime.advance(50)
  assert.equal(calls, [[0], [2]])
  assert.equal(order, [0, 1, 3, 2])
  assert.equal(made[3]?.outcomes, [{ kind: 'nack', untried: true }])
})

test('a partition with too much queued is not welcome until a batch has ended', async () => {
  const gate = deferred()
  const { runner } = setUp(() => gate.promise, { maxSize: 2, maxQueued: 2 })
  let welcome = false
  void runner.deliver(batchOf(deliveriesOf('a', 'b', 'c', 'd'))).then(() => {
    welcome = true
  })
  await settle()
  assert.not.ok(welcome)
  gate.resolve()
  await settle()
  assert.ok(welcome)
})

test('a revocation forgets what is queued, and its timer', async () => {
  const { runner, runtime, calls } = setUp(() => {})
  const ownership = new AbortController()
  const made = deliveriesOf('a', 'b')
  await runner.deliver(batchOf(made, ownership.signal))
  assert.is(runtime.pending, 1)
  ownership.abort()
  assert.is(runtime.pending, 0)
  await runtime.advance(1_000)
  assert.equal([calls, kinds(made)], [[], [undefined, undefined]])
})

test('drain hands back what is queued, waits for the batch that runs, and starts none', async () => {
  const gate = deferred()
  const { runner, runtime, calls } = setUp(() => gate.promise)
  const made = deliveriesOf('a', 'b', 'c', 'd')
  await runner.deliver(batchOf(made))
  const drained = runner.drain(new AbortController().signal)
  assert.equal(kinds(made), [undefined, undefined, undefined, 'nack'])
  gate.resolve()
  await deadline(1_000, 'drain', drained)
  assert.equal(kinds(made), ['ack', 'ack', 'ack', 'nack'])
  await runtime.advance(1_000)
  assert.equal([calls.length, runtime.pending], [1, 0])
})

test('past its deadline drain aborts the contexts and hands the batch back', async () => {
  let signal: AbortSignal | undefined
  const { runner } = setUp(([first]) => {
    signal = first?.context.signal
    return new Promise(() => {})
  })
  const made = deliveriesOf('a', 'b', 'c')
  await runner.deliver(batchOf(made))
  await settle()
  const late = new AbortController()
  const drained = runner.drain(late.signal)
  late.abort()
  await deadline(1_000, 'drain', drained)
  assert.ok(signal?.aborted)
  assert.equal(kinds(made), ['nack', 'nack', 'nack'])
})

test('an onion that rejects after all hands its record back and does not block the partition', async () => {
  const { runner } = setUp(() => {}, { maxSize: 1, handle: () => Promise.reject(new Error('x')) })
  const made = deliveriesOf('a', 'b')
  await runner.deliver(batchOf(made))
  await settle()
  assert.equal(kinds(made), ['nack', 'nack'])
})

test.run()
