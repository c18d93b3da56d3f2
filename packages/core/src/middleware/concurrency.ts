import type { Middleware } from '../middleware.js'
import { whole } from '../validate.js'

/** Lets at most `limit` deliveries of what it is given to run at a time on this instance; the others wait, in order per key. */
export function concurrency(limit: number): Middleware {
  whole('concurrency', limit)
  let running = 0
  const waiting: (() => void)[] = []
  return {
    name: 'concurrency',
    stage: 'concurrency',
    async record(context, next) {
      let placed = running < limit
      if (placed) running += 1
      try {
        if (!placed) {
          await context.waitFor(go => {
            const take = () => {
              placed = true
              go()
            }
            waiting.push(take)
            return () => {
              waiting.splice(waiting.indexOf(take), 1)
            }
          })
        }
        await next()
      } finally {
        if (placed) leave()
      }
    },
  }

  /** Whoever waits takes over the place. */
  function leave(): void {
    const take = waiting.shift()
    if (take) take()
    else running -= 1
  }
}
