import { BusbarError, type BusbarErrorCode } from '@busbar/core'
import * as assert from 'uvu/assert'

/** What `work` throws or rejects with, which must be a `BusbarError` of this code. */
export async function rejects(
  work: () => unknown,
  code: BusbarErrorCode,
  message?: RegExp,
): Promise<BusbarError> {
  let thrown: unknown
  try {
    await work()
  } catch (error) {
    thrown = error
  }
  assert.instance(thrown, BusbarError, `rejects with ${code}`)
  const error = thrown as BusbarError
  assert.is(error.code, code, error.message)
  if (message) assert.match(error.message, message)
  return error
}
