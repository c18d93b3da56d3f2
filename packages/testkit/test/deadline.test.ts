import { DeadlineExceeded, deadline } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('deadline')

test('resolves as the work does', async () => {
  assert.is(await deadline(1_000, 'a promise', Promise.resolve(1)), 1)
  assert.is(await deadline(1_000, 'a function', () => 2), 2)
})

test('rejects as the work does', async () => {
  const error = await deadline(1_000, 'work', Promise.reject(new Error('broken'))).catch(
    (reason: Error) => reason,
  )
  assert.instance(error, Error)
  assert.is(error.message, 'broken')
})

test('rejects when the work never settles, and says what was waited for', async () => {
  const error = await deadline(20, 'the answer', new Promise(() => {})).catch((reason: unknown) => reason)
  assert.instance(error, DeadlineExceeded)
  assert.is((error as Error).message, 'the answer: not done after 20 ms')
  assert.match((error as Error).stack ?? '', 'deadline.test')
})

test('aborts the signal that the work gets', async () => {
  let reason: unknown
  const work = (signal: AbortSignal) => {
    signal.addEventListener('abort', () => {
      reason = signal.reason
    })
    return new Promise<void>(() => {})
  }
  await deadline(20, 'work', work).catch(() => {})
  assert.instance(reason, DeadlineExceeded)
})

test.run()
