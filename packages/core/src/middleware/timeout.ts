import type { DeliveryContext } from '../context.js'
import { BusbarError } from '../error.js'
import type { Middleware } from '../middleware.js'
import type { Timer } from '../runtime.js'
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
    async event(given, next) {
      const context = given as DeliveryContext
      let expire: (error: BusbarError) => void = () => {}
      const expired = new Promise<never>((_, reject) => {
        expire = reject
      })
      let timer: Timer | undefined
      const start = () => {
        timer = context.runtime.setTimer(limitMs, () => {
          const error = new BusbarError('HANDLER_TIMEOUT', `${context.subscription} did not finish ${context.event} ${context.id} within ${limitMs} ms`)
          expire(error)
          context.abort(error)
        })
      }
      // A record waits for its batch, which may take longer than the handler.
      if (context.collector) context.onStart = start
      else start()
      try {
        await Promise.race([next(), expired])
      } finally {
        timer?.cancel()
      }
    },
  }
}
