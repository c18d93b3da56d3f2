import type { EventContext } from '../context.js'
import type { Middleware } from '../middleware.js'

/** Handles only events for which the predicate says yes; the others are finished as skipped. */
export function filter<Payload = unknown>(
  predicate: (payload: Payload, context: EventContext<Payload>) => boolean | Promise<boolean>,
): Middleware {
  return {
    name: 'filter',
    stage: 'filter',
    async event(context, next) {
      if (await predicate(context.payload as Payload, context as EventContext<Payload>)) return next()
      context.conclude('skipped', 'filtered')
    },
  }
}
