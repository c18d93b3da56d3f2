import assert from 'node:assert/strict'
import { kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import { deaths, type MatrixCase } from './matrix/cases.js'
import { kafkaHost } from './matrix/kafka-host.js'
import { memoryHost } from './matrix/memory-host.js'
import { runDeath } from './matrix/run-matrix.js'

const test = suite('failures, middleware and a process that dies')

for (const death of deaths) {
  test(`in memory, every combination, dying ${death}`, async () => {
    await using host = await memoryHost()
    const result = await runDeath(host, death, 'matrix', () => true, 30_000)
    assert.deepEqual(result.violations, [])
    assert.ok(result.died >= 20, `${result.died} of ${result.cases} died there`)
  })
}

/** Each kind of failure, middleware and shape at least once. */
const short = ({ kind, middleware, shape }: MatrixCase) =>
  [
    'throws once/default/single',
    'throws always/idempotent/batch',
    'undecodable/retry via topic/single',
    'invalid payload/default/batch',
    'never settles/retry via topic/batch',
    'not retryable/hand-back/single',
    'throws always/default/single',
  ].includes(`${kind}/${middleware}/${shape}`)

const kafka = await kafkaForTests()
if (kafka) {
  test('on Kafka, one of each kind, each killed at each of the points', async () => {
    const results = deaths.map(async death => {
      await using host = await kafkaHost(kafka.brokers)
      return await runDeath(host, death, uniqueName('matrix'), short, 90_000)
    })
    for (const { violations, died, cases, death } of await Promise.all(results)) {
      assert.deepEqual(violations, [])
      assert.ok(died >= 4, `${died} of ${cases} died ${death}`)
    }
  })
}

test.run()
