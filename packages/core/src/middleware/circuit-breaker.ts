import { isRetryable } from '../error.js'
import type { Middleware } from '../middleware.js'
import { positive, whole } from '../validate.js'

export interface CircuitBreakerOptions {
  /** Failures in a row that open it. Default: 5. */
  readonly failures?: number
  /** How long it stays open before one delivery may try again, in milliseconds. Default: 10,000. */
  readonly openMs?: number
  /** Whether a failure counts: not one that the payload alone is to blame for. Default: `retryable` of a `BusbarError`, true for anything else. */
  readonly when?: (error: unknown) => boolean
}

/**
 * Spares a dependency that is down, and spares attempts: after so many failures in a row deliveries wait instead of
 * failing. After `openMs` one of them tries; its success lets all go on, its failure keeps them waiting.
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): Middleware {
  const limit = whole('circuitBreaker.failures', options.failures ?? 5)
  const openMs = positive('circuitBreaker.openMs', options.openMs ?? 10_000)
  const counts = options.when ?? isRetryable
  let failures = 0
  let openUntilMs = 0
  let probing = false
  return {
    name: 'circuitBreaker',
    stage: 'circuit-breaker',
    async record(context, next) {
      for (;;) {
        if (failures < limit) break
        const leftMs = openUntilMs - context.runtime.now()
        if (leftMs <= 0 && !probing) break
        await context.wait(Math.max(leftMs, openMs / 10))
      }
      const probe = failures >= limit
      probing ||= probe
      try {
        await next()
        failures = 0
      } catch (thrown) {
        if (!context.ended && counts(thrown)) {
          failures += 1
          if (failures >= limit) openUntilMs = context.runtime.now() + openMs
          if (failures === limit) context.logger.warn({ err: thrown, openMs }, 'circuit breaker opened: deliveries wait')
        }
        throw thrown
      } finally {
        if (probe) probing = false
      }
    },
  }
}
