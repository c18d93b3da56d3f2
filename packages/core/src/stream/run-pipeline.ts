import { isObservable, type Observable, of, type Subscription, takeWhile } from 'rxjs'
import type { EventContext } from '../context.js'
import { BusbarError } from '../error.js'

/** What becomes of one record: whatever it emits belongs to it, and its completion finishes it. */
export type RecordPipeline<T, R> = (record$: Observable<T>, context: EventContext<T>) => Observable<R>

/**
 * Runs a pipeline for one record. Resolves when it completes, or `next` calls `finish`; rejects with its error, with what
 * `next` throws, or when the delivery ends: then the pipeline is unsubscribed from, and nothing more is given to `next`.
 */
export async function runPipeline<T, R>(
  pipeline: RecordPipeline<T, R>,
  value: T,
  context: EventContext<T>,
  next: (output: R, finish: () => void) => void,
): Promise<void> {
  const { signal } = context
  let onAbort = () => {}
  let running: Subscription | undefined
  let failure: { readonly thrown: unknown } | undefined
  // What emits all at once is still being subscribed to, and can't be unsubscribed from yet.
  let isOver = false
  try {
    await new Promise<void>((resolve, reject) => {
      const finish = () => {
        isOver = true
        resolve()
      }
      const emit = (output: R) => {
        try {
          next(output, finish)
        } catch (thrown) {
          failure = { thrown }
          finish()
        }
        return !isOver
      }
      running = observable(pipeline(of(value), context))
        .pipe(takeWhile(emit))
        .subscribe({ error: reject, complete: resolve })
      onAbort = () => {
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
    })
  } finally {
    signal.removeEventListener('abort', onAbort)
    // Where it was given up: what it still had in mind belongs to no attempt any more.
    running?.unsubscribe()
  }
  if (failure) throw failure.thrown
}

function observable<R>(returned: Observable<R>): Observable<R> {
  if (isObservable(returned)) return returned
  throw new BusbarError(
    'CONFIG_INVALID',
    'the pipeline of a record must return an Observable: put asynchronous work into an operator, as mergeMap',
  )
}
