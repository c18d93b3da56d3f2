import { defineEvent } from '@busbar/core'
import { testBus } from '@busbar/core/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('the test bus and streams with a state')

const Clicked = defineEvent<{ user: string }>('clicked', { key: click => click.user })
const ClicksCounted = defineEvent<number>('clicks.counted')

test('a count is there once the clock has moved past the commit, and what it published is in the log', async () => {
  await using t = testBus()
  const bus = t.bus('stats')
  const counts = bus.stream(Clicked).groupByKey().count({ store: 'clicks' })
  counts.to(ClicksCounted)
  const click = { user: 'ada' }
  await t.start()
  await t.track(() => bus.publish(Clicked, click), { advanceMs: 1_000 })
  assert.equal(await counts.get('ada'), 1) // t.published() doesn't see it: t.broker.records(topic), or a subscriber
  assert.is(t.broker.records('clicks.counted').length, 1)
})

test('what a stream has handled is seen with its payload, and an operator that fails fails the test', async () => {
  await using t = testBus()
  const bus = t.bus('stats')
  bus
    .stream(Clicked)
    .keyed()
    .forEach(({ user }) => {
      if (user === 'nobody') throw new Error('who is that?')
    })
  await t.start()
  await t.track(() => bus.publish(Clicked, { user: 'ada' }), { advanceMs: 1_000 })
  assert.equal(t.handled(Clicked), [{ user: 'ada' }])
  const failed = await t
    .track(() => bus.publish(Clicked, { user: 'nobody' }), { advanceMs: 10_000 })
    .catch((thrown: unknown) => thrown)
  assert.match(
    (failed as Error).message,
    /stats\/streams failed with clicked .* dead-lettered at attempt 5: who is that/,
  )
})

test.run()
