// Three instances of a group, each replaced in turn under load: told to close, then killed. Prints what came of it.
import assert from 'node:assert/strict'
import { startKafka } from '@busbar/testkit'
import { assertKeyOrder } from '../support/journal.js'
import { handledIn, rollingDeploy } from '../support/rolling-deploy.js'

const records = Number(process.argv[2] ?? 20_000)
await using kafka = await startKafka()
for (const kill of [false, true]) {
  const result = await rollingDeploy({ brokers: kafka.brokers, records, workMs: 2, kill })
  const { handled, again } = handledIn(result.steps)
  assert.deepEqual(
    result.published.filter(id => !handled.has(id)),
    [],
  )
  for (const steps of result.steps) assertKeyOrder(steps)
  assert.deepEqual(result.regressions, [])
  console.log(
    `${kill ? 'killed' : 'closed'}: ${result.published.length} published, ${handled.size} handled, ${again} again, ` +
      `longest gap of a partition ${result.longestGapMs} ms, ${result.tookMs} ms in all`,
  )
}
