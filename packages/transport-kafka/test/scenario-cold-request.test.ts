import assert from 'node:assert/strict'
import { startKafka, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import { coldRequests } from './support/cold-requests.js'

const test = suite('the first reply of a cold instance')

test('does not wait for a rebalance, even with the default delay of three seconds', async () => {
  await using kafka = await startKafka({ config: { 'group.initial.rebalance.delay.ms': '3000' } })
  const names = { topic: uniqueName('cold-echo'), replyTopic: uniqueName('cold-replies') }
  const measured = await coldRequests(kafka.brokers, names, 3)
  const firsts = measured.map(({ first }) => first)
  console.log(`first replies after ${firsts.map(ms => Math.round(ms)).join(', ')} ms`)
  // About 150 ms on a quiet machine; a rebalance alone takes three seconds.
  assert.ok(Math.min(...firsts) < 1_000, `first replies after ${firsts.join(', ')} ms`)
})

test.run()
