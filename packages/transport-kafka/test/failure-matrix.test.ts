import assert from 'node:assert/strict'
import { kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import { deaths, type MatrixCase } from './matrix/cases.js'
import { kafkaHost } from './matrix/kafka-host.js'
import { memoryHost } from './matrix/memory-host.js'
import { runDeath } from './matrix/run-matrix.js'

const test = suite('failures, middleware and a process that dies')

test('in memory, every combination, dying at each of the points', async () => {
  const results = deaths.map(async death => {
    await using host = await memoryHost()
    return await runDeath(host, death, 'matrix', () => true, 60_000)
  })
  for (const { violations, died, cases, death } of await Promise.all(results)) {
    assert.deepEqual(violations, [])
    assert.ok(died >= 20, `${died} of ${cases} died ${death}`)
  }
})

/** Each kind of failure, middleware and shape at least once. */
const chosen = [
  'throws once/default/single',
  'throws always/idempotent/batch',
  'undecodable/retry via topic/single',
  'invalid payload/default/batch',
  'never settles/retry via topic/batch',
  'not retryable/hand-back/single',
  'throws always/default/single',
]
const isChosen = (remainder: number) => (of: MatrixCase) =>
  chosen.indexOf(`${of.kind}/${of.middleware}/${of.shape}`) % 2 === remainder

const kafka = await kafkaForTests()
if (kafka) {
  test('on Kafka, one of each kind, killed at every other of the points', async () => {
    const results = deaths.map(async (death, index) => {
      await using host = await kafkaHost(kafka.brokers)
      return await runDeath(host, death, uniqueName('matrix'), isChosen(index % 2), 90_000)
    })
    for (const { violations, died, cases, death } of await Promise.all(results)) {
      assert.deepEqual(violations, [])
      assert.ok(died >= 2, `${died} of ${cases} died ${death}`)
    }
  })
}

test.run()
