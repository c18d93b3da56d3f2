import { defineEvent, retry } from '@busbar/core'
import { testBus } from '@busbar/core/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('batches and revocation')

interface Job {
  readonly id: number
}

const Job = defineEvent<Job>('job', { key: job => `k${job.id}` })

test('a batch that waited for a retry is not handled after its partition moved away', async () => {
  const t = testBus({ partitions: 1 })
  const bus = t.bus('work')
  const late: number[] = []
  // The first record leaves for its retry outside of the batch; the second waits for it inside.
  const failsFirst = {
    name: 'fails first',
    async event(context: { readonly payload: unknown; readonly attempt: number }, next: () => Promise<void>) {
      if ((context.payload as Job).id === 1 && context.attempt === 1) throw new Error('again')
      await next()
    },
  }
  const use = [retry({ attempts: 2, delayMs: 1_000, jitter: 'none' }), failsFirst]
  bus.subscribeBatch(Job, { maxSize: 2, use }, items => {
    for (const { payload, context } of items) if (context.signal.aborted) late.push(payload.id)
  })
  await t.start()
  await t.track(() => bus.publishBatch(Job, [{ id: 1 }, { id: 2 }]))
  await t.group('work').rebalance()
  await t.clock.advance(10_000)
  assert.equal(late, [])
  await t.close()
})

test.run()
