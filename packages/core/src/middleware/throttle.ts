import type { Middleware } from '../middleware.js'
import { positive } from '../validate.js'

export interface ThrottleOptions {
  /** Deliveries that may start within each period. */
  readonly limit: number
  /** The period, in milliseconds. Default: 1,000. */
  readonly perMs?: number
}

/** How late a delivery may start, in milliseconds, before it has to line up again: timers are not exact. */
const latenessMs = 50

/** Spreads deliveries evenly, so that no more than `limit` start within `perMs` on this instance; the others wait. */
export function throttle(options: ThrottleOptions): Middleware {
  const spacingMs = positive('throttle.perMs', options.perMs ?? 1_000) / positive('throttle.limit', options.limit)
  let nextMs = 0
  return {
    name: 'throttle',
    stage: 'throttle',
    async record(context, next) {
      for (;;) {
        const now = context.runtime.now()
        const startMs = Math.max(now, nextMs)
        nextMs = startMs + spacingMs
        if (startMs <= now) break
        await context.wait(startMs - now)
        // Where room comes late, it comes for many at once.
        if (context.runtime.now() < startMs + Math.max(spacingMs, latenessMs)) break
      }
      await next()
    },
  }
}
