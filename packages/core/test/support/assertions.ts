import { BusbarError, type BusbarErrorCode } from '@busbar/core'
import * as assert from 'uvu/assert'

/** Fails unless the promise rejects with this code; returns the error. */
export async function rejects(promise: Promise<unknown>, code: BusbarErrorCode): Promise<BusbarError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return isError(error, code)
}

/** Fails unless the function throws with this code; returns the error. */
export function throws(work: () => unknown, code: BusbarErrorCode): BusbarError {
  let thrown: unknown
  try {
    work()
  } catch (caught) {
    thrown = caught
  }
  return isError(thrown, code)
}

function isError(thrown: unknown, code: BusbarErrorCode): BusbarError {
  assert.instance(thrown, BusbarError, `expected ${code}, got ${String(thrown)}`)
  const error = thrown as BusbarError
  assert.is(error.code, code, error.message)
  return error
}

/** A promise and what settles it. */
export function deferred<T = void>() {
  let resolve: (value: T) => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}
