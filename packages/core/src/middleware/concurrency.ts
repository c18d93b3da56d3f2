import type { Middleware } from '../middleware.js'
import { positive } from '../validate.js'

/** Lets at most `limit` deliveries of what it is given to run at a time on this instance; the others wait, in order per key. */
export function concurrency(limit: number): Middleware {
  positive('concurrency', limit)
  let running = 0
  const waiting: (() => void)[] = []
  return {
    name: 'concurrency',
    stage: 'concurrency',
    async record(context, next) {
      if (running < limit) running += 1
      else {
        await context.waitFor(go => {
          waiting.push(go)
          return () => {
            waiting.splice(waiting.indexOf(go), 1)
          }
        })
      }
      try {
        await next()
      } finally {
        // Whoever waits takes over this place.
        const go = waiting.shift()
        if (go) go()
        else running -= 1
      }
    },
  }
}
