import { BusbarError } from '../error.js'
import type { Middleware } from '../middleware.js'
import { positive } from '../validate.js'

/**
 * Ends a handler that takes longer than `limitMs` milliseconds: `context.signal` aborts and the delivery fails with
 * `HANDLER_TIMEOUT`, which is retryable. A handler that ignores its signal goes on beside the next attempt.
 */
export function timeout(limitMs: number): Middleware {
  positive('timeout', limitMs)
  return {
    name: 'timeout',
    stage: 'timeout',
    abandons: true,
    async event(context, next) {
      let expire: (error: BusbarError) => void = () => {}
      const expired = new Promise<never>((_, reject) => {
        expire = reject
      })
      const timer = context.runtime.setTimer(limitMs, () => {
        const error = new BusbarError('HANDLER_TIMEOUT', `${context.subscription} did not finish ${context.event} ${context.id} within ${limitMs} ms`)
        expire(error)
        context.abort(error)
      })
      try {
        await Promise.race([next(), expired])
      } finally {
        timer.cancel()
      }
    },
  }
}
