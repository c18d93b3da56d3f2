import { type GroupCommit, memoryBroker } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FakeRuntime } from './fake-runtime.js'
import { committed, connect, holdings, Inbox, record, subscribe } from './harness.js'

const test = suite('what tests may do to the broker')

test('a refused commit is seen, does not count, and is tried again', async () => {
  const runtime = new FakeRuntime()
  const commits: GroupCommit[] = []
  const broker = memoryBroker({ partitions: 1, onCommit: commit => commits.push(commit) > 1 })
  broker.createTopic('t')
  const service = await connect(runtime, { broker, commitIntervalMs: 5 })
  await subscribe(runtime, service, new Inbox({ acks: true }))
  await service.transport.send([record('t', 'a')])
  await runtime.advance(5)
  assert.equal(commits, [
    { group: 'g', member: 'test-1', positions: [{ topic: 't', partition: 0, position: 1 }] },
  ])
  assert.equal(committed(broker), [0])
  await runtime.advance(5)
  assert.is(commits.length, 2)
  assert.equal(committed(broker), [1])
})

test('a rebalance on demand moves every partition, also from a member that is alone', async () => {
  const runtime = new FakeRuntime()
  const broker = memoryBroker({ partitions: 2 })
  broker.createTopic('t')
  const [one, other] = [
    await connect(runtime, { broker }, 'one'),
    await connect(runtime, { broker }, 'other'),
  ]
  const first = new Inbox()
  await subscribe(runtime, one, first)
  await one.transport.send([record('t', 'a', { partition: 0 })])
  await runtime.settle()
  await runtime.until(broker.rebalance('g'))
  await runtime.settle()
  assert.ok(first.batches[0]?.signal.aborted, 'what was delivered is revoked')
  assert.equal(first.values, ['a', 'a'])

  await subscribe(runtime, other, new Inbox())
  const before = holdings(broker)
  await runtime.until(broker.rebalance('g'))
  assert.equal(holdings(broker), before.reverse())
})

test.run()
