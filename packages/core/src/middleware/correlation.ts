import { AsyncLocalStorage } from 'node:async_hooks'
import type { DeliveryContext } from '../context.js'
import { createContextKey } from '../context-values.js'
import type { Middleware } from '../middleware.js'

/** The ids that tie together what one event set off. */
export interface Correlation {
  /** The same for everything that one first event caused. */
  readonly correlationId: string
  /** The id of the event whose handler published. */
  readonly causationId: string
}

/** CloudEvents extension attributes of the correlation extension. */
const header = { correlation: 'ce_correlationid', causation: 'ce_causationid' } as const

/** Where handlers and middleware find the correlation of what they handle. */
export const correlationOf = createContextKey<Correlation | undefined>('correlation', undefined)

/**
 * Carries correlation and causation ids from each event to whatever its handler publishes, through any `await`. Add it to
 * the bus; without it nothing is tracked and nothing is paid.
 */
export function correlation(): Middleware {
  const current = new AsyncLocalStorage<Correlation | undefined>()
  return {
    name: 'correlation',
    publish(context, next) {
      const cause = current.getStore()
      if (cause) {
        context.headers[header.correlation] = cause.correlationId
        context.headers[header.causation] = cause.causationId
      }
      return next()
    },
    event(given, next) {
      const context = given as DeliveryContext
      const cause = { correlationId: context.headers.get(header.correlation) ?? context.id, causationId: context.id }
      context.values.set(correlationOf, cause)
      // What a batch handler publishes is caused by no record in particular.
      const inside = context.collector ? undefined : cause
      context.scope = run => current.run(inside, run)
      return context.scope(next)
    },
  }
}
