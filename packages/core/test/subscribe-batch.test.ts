import { defineEvent, retry, timeout } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testBus } from './support/bus.js'

const test = suite('subscribeBatch')
const Thing = defineEvent<number>('thing', { key: n => String(n % 10) })
const Poison = defineEvent('thing', {
  schema: { contentType: 'x', encode: () => Buffer.from('{oops'), decode: () => 0 },
  key: () => 'poison',
})

test('a record that cannot be decoded keeps neither its batch nor its group from going on', async () => {
  const { bus, broker, lines } = testBus({ consume: { redelivery: { delayMs: 1 } } })
  const got: number[] = []
  const attempts: number[] = []
  bus.subscribeBatch(Thing, { maxSize: 5, maxWaitMs: 1, onFailure: 'hand-back' }, items => {
    for (const { payload, context, fail } of items) {
      assert.is(context.payload, payload)
      if (payload === 7 && attempts.push(context.attempt) < 3) fail(new Error('not yet'))
      else got.push(payload)
    }
  })
  await deadline(5_000, 'batches', async () => {
    await bus.start()
    await bus.publishBatch(Thing, [1, 7, 2])
    await bus.publish(Poison, undefined)
    await bus.publishBatch(Thing, [17, 3])
    await eventually(() =>
      assert.equal(
        [...got].sort((a, b) => a - b),
        [1, 2, 3, 7, 17],
      ),
    )
    assert.equal(attempts, [1, 2, 3])
    assert.ok(lines.some(line => line.fields['code'] === 'DECODE_FAILED'))
    // The position stands at the poison.
    await eventually(() =>
      assert.equal(
        broker.positions('service').map(({ committed }) => committed),
        [3],
      ),
    )
    await bus.close({ timeoutMs: 20 })
  })
})

for (const when of ['at once', 'before it ends'] as const) {
  test(`what the handler did of a key together with a record that it fails ${when} does not come again`, async () => {
    const { bus } = testBus({ consume: { redelivery: { delayMs: 1 } } })
    const batches: number[][] = []
    // Layers that take their time, on the way in and out.
    bus.use({
      name: 'slow',
      attempt: async (_, next) => {
        await next()
        for (let turn = 0; turn < 20; turn++) await Promise.resolve()
      },
    })
    bus.subscribeBatch(Thing, { maxSize: 3, maxWaitMs: 1, onFailure: 'hand-back' }, async items => {
      batches.push(items.map(({ payload }) => payload))
      for (const { payload, context, fail } of items)
        if (payload === 7 && context.attempt === 1) fail(new Error('not yet'))
      if (when === 'before it ends') await new Promise(resolve => setTimeout(resolve, 20))
    })
    await deadline(5_000, 'batches', async () => {
      await bus.start()
      await bus.publishBatch(Thing, [7, 17, 2])
      await eventually(() => assert.equal(batches, [[7, 17, 2], [7]]))
      await bus.close()
    })
    assert.equal(batches, [[7, 17, 2], [7]])
  })
}

test('records of a key that a time limit ends together come again in their order, whichever of them is tried again', async () => {
  const { bus } = testBus({ consume: { redelivery: { delayMs: 300 } } })
  const batches: number[][] = []
  const own = [
    retry({ attempts: 3, delayMs: 10, jitter: 'none', when: (_, { offset }) => offset !== 0 }),
    timeout(30),
  ]
  const options = { maxSize: 2, maxWaitMs: 20, onFailure: 'hand-back', use: own } as const
  bus.subscribeBatch(Thing, options, async items => {
    batches.push(items.map(({ payload }) => payload))
    if (batches.length === 1) await new Promise(() => {})
  })
  await deadline(10_000, 'batches', async () => {
    await bus.start()
    await bus.publishBatch(Thing, [7, 17])
    await eventually(() => assert.ok(batches.slice(1).flat().includes(17)))
    assert.equal(batches.slice(1).flat(), [7, 17])
    await bus.close({ timeoutMs: 50 })
  })
})

test('what fails together with a record of its key that is handed back comes again behind it', async () => {
  const { bus } = testBus({ consume: { redelivery: { delayMs: 1 } } })
  const batches: number[][] = []
  bus.subscribeBatch(Thing, { maxSize: 2, maxWaitMs: 1, onFailure: 'hand-back' }, async items => {
    batches.push(items.map(({ payload }) => payload))
    if (batches.length > 1) return
    items[0]?.fail(new Error('not yet'))
    await new Promise(resolve => setTimeout(resolve, 20))
    throw new Error('not yet either')
  })
  await deadline(5_000, 'batches', async () => {
    await bus.start()
    await bus.publishBatch(Thing, [7, 17])
    await eventually(() => assert.equal(batches.slice(1).flat(), [7, 17]))
    await bus.close()
  })
})

test.run()
