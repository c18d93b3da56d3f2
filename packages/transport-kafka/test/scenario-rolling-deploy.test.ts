import assert from 'node:assert/strict'
import { kafkaForTests } from '@busbar/testkit'
import { suite } from 'uvu'
import { assertKeyOrder } from './support/journal.js'
import { handledIn, rollingDeploy } from './support/rolling-deploy.js'

const test = suite('a rolling deploy under load')
const kafka = await kafkaForTests()

if (kafka !== undefined) {
  test('loses nothing, keeps keys in order, and no position goes back', async () => {
    const result = await rollingDeploy({ brokers: kafka.brokers, records: 2_000, workMs: 2 })
    const { handled, again } = handledIn(result.steps)
    assert.deepEqual(
      result.published.filter(id => !handled.has(id)),
      [],
    )
    for (const steps of result.steps) assertKeyOrder(steps)
    assert.deepEqual(result.regressions, [])
    assert.ok(result.longestGapMs < 6_000, `a partition had nobody for ${result.longestGapMs} ms`)
    // Instances that leave commit what they have done.
    assert.ok(again <= 30, `${again} records were done again`)
  })
}

test.run()
