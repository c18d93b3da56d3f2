import { eventually } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('eventually')

test('tries until the function stops throwing, and resolves its result', async () => {
  let calls = 0
  const result = await eventually(
    () => {
      calls++
      if (calls < 3) throw new Error('not yet')
      return calls
    },
    { everyMs: 1 },
  )
  assert.is(result, 3)
})

test('rejects with the last failure when the time is over', async () => {
  const cause = new Error('not yet')
  const error = await eventually(() => Promise.reject(cause), { timeoutMs: 30, everyMs: 5 }).catch(
    (reason: Error) => reason,
  )
  assert.match(error.message, /^still failing after 30 ms and \d+ tries: not yet$/)
  assert.is(error.cause, cause)
})

test('does not wait for a try that never settles', async () => {
  const error = await eventually(() => new Promise(() => {}), { timeoutMs: 30 }).catch(
    (reason: Error) => reason,
  )
  assert.match((error as Error).message, 'still failing after 30 ms')
})

test.run()
