import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, kafkaClusterForTests, type RunningKafkaCluster, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { copying, readAll, transactional } from './support/copying.js'
import { assertOnceInOrder, numbered, publishNumbered } from './support/exactly-once.js'
import { short } from './support/short.js'
import { connected } from './support/test-transport.js'

const test = suite('a coordinator that dies')
const nodes = 1
let cluster: RunningKafkaCluster | undefined

test.before(async () => {
  cluster = await kafkaClusterForTests({ nodes })
})

test.after(async () => {
  await cluster?.stop()
})

test('the broker that coordinates group and transactions is killed and comes back: each output once', async () => {
  if (!cluster) return
  const { brokers } = cluster
  const options = { brokers, commitIntervalMs: 20, producer: { requestTimeoutMs: 2_000 } }
  await using bus = await connected(options)
  const { transport } = bus
  const [from, to] = [uniqueName('from'), uniqueName('to')]
  await transport.ensureTopics([from, to].map(name => ({ name, create: true, partitions: 3 })))
  const subscription = await transport.subscribe(transactional(uniqueName('group'), [from]), copying({ to }))
  const values = numbered(10, 300)
  const publishing = publishNumbered(transport, from, values, () => sleep(100))
  for (let kill = 0; kill < (short ? 1 : 2); kill++) {
    await sleep(400)
    await cluster.kill(1)
    await cluster.restart(1)
  }
  await publishing
  const all = async () => assert.ok((await readAll(transport, to)).length >= values.length)
  await eventually(all, { timeoutMs: 60_000, everyMs: 500 })
  await subscription[Symbol.asyncDispose]()
  assertOnceInOrder(await readAll(transport, to), values)
})

test.run()
