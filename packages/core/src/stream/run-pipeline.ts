import { type Observable, of, type Subscription } from 'rxjs'
import type { EventContext } from '../context.js'

/** What becomes of one record: whatever it emits belongs to it, and its completion finishes it. */
export type RecordPipeline<T, R> = (record$: Observable<T>, context: EventContext<T>) => Observable<R>

/**
 * Runs a pipeline for one record. Resolves when it completes, or `next` calls `finish`; rejects with its error, with what
 * `next` throws, or when the delivery ends: then the pipeline is unsubscribed from.
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
  try {
    await new Promise<void>((resolve, reject) => {
      running = pipeline(of(value), context).subscribe({
        next: output => {
          try {
            next(output, resolve)
          } catch (thrown) {
            failure = { thrown }
            resolve()
          }
        },
        error: reject,
        complete: resolve,
      })
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
