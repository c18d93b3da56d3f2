import { defineEvent, retry } from '@busbar/core'
import { testBus } from '@busbar/core/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('records of a batch that are handed back')

interface Job {
  readonly id: number
  readonly key: string
}

const Job = defineEvent<Job>('job', { key: job => job.key })

test('a record that is handed back takes along what its key has behind it in the batch, and nothing else', async () => {
  const t = testBus({ partitions: 1 })
  const bus = t.bus('work')
  const done: number[] = []
  let isBroken = true
  // The first is given up at once, and its dead letter cannot be written; the second waits for its retry meanwhile.
  const when = (error: unknown): boolean => (error as Error).message !== 'never'
  const use = [retry({ attempts: 2, delayMs: 50, jitter: 'none', when })]
  bus.subscribeBatch(Job, { maxSize: 3, use }, items => {
    for (const item of items) {
      const { id } = item.payload
      if (isBroken && id === 1) item.fail(new Error('never'))
      else if (id === 2 && item.context.attempt === 1) item.fail(new Error('once'))
      else done.push(id)
    }
  })
  await t.start()
  t.faults.failSends({ topic: 'job.work.dlq' })
  const jobs = [
    { id: 1, key: 'a' },
    { id: 2, key: 'a' },
    { id: 3, key: 'b' },
  ]
  await t.track(() => bus.publishBatch(Job, jobs), { tolerateFailures: true })
  assert.equal(done, [3])
  await t.clock.advance(60)
  assert.equal(done, [3], 'the second waits for the first, which comes again after 75 ms at the earliest')
  isBroken = false
  await t.clock.advance(10_000)
  assert.equal(done, [3, 1, 2])
  assert.equal(t.deadLetters(), [])
  await t.close()
})

test.run()
