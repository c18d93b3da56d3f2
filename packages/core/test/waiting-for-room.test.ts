import { type Bus, defineEvent, retry } from '@busbar/core'
import { testBus } from '@busbar/core/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('waiting for room in a group')

interface Job {
  readonly id: number
}

const Job = defineEvent<Job>('job', { key: job => `k${job.id}` })

test('nothing starts after a revocation that came while a retry waited for room', async () => {
  const t = testBus({ partitions: 1 })
  const bus = t.bus('work')
  const starts: string[] = []
  const use = [retry({ attempts: 2, delayMs: 100, jitter: 'none' })]
  bus.subscribe(Job, { concurrency: 1, use }, async (job, context) => {
    starts.push(`${job.id}${context.signal.aborted ? ' after the end' : ''}`)
    if (job.id === 1 && context.attempt === 1) throw new Error('again')
    // Ignores its signal, and keeps the only room over the retry and the revocation.
    if (job.id === 2) await new Promise<void>(resolve => void t.runtime.setTimer(1_000, resolve))
  })
  await t.start()
  await t.track(() => bus.publishBatch(Job, [{ id: 1 }, { id: 2 }]))
  await t.clock.advance(200)
  assert.equal(starts, ['1', '2'])
  await t.group('work').rebalance()
  await t.clock.advance(5_000)
  assert.equal(
    starts.filter(start => start.includes('after the end')),
    [],
  )
  await t.close()
})

test('two subscriptions that come back to one record take its room together', async () => {
  const t = testBus({ partitions: 1 })
  const bus = t.bus('work')
  const running = new Set<number>()
  let most = 0
  const subscribe = (target: Bus, name: string, delayMs: number): void => {
    const use = [retry({ attempts: 2, delayMs, jitter: 'none' })]
    target.subscribe(Job, { name, concurrency: 1, use }, async (job, context) => {
      if (job.id === 1 && context.attempt === 1) throw new Error('again')
      running.add(job.id)
      most = Math.max(most, running.size)
      await new Promise<void>(resolve => void t.runtime.setTimer(500, resolve))
      running.delete(job.id)
    })
  }
  subscribe(bus, 'one', 100)
  subscribe(bus, 'other', 200)
  await t.start()
  await t.track(() => bus.publishBatch(Job, [{ id: 1 }, { id: 2 }]))
  await t.clock.advance(10_000)
  assert.is(most, 1)
  await t.close()
})

test.run()
