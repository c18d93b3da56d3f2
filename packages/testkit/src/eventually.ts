import { setTimeout as sleep } from 'node:timers/promises'
import { deadline } from './deadline.js'

/** How long to try, and how often. */
export interface EventuallyOptions {
  /** Default five seconds. */
  readonly timeoutMs?: number
  /** The pause between two tries (default 20 ms). */
  readonly everyMs?: number
}

/**
 * Calls `fn` until it neither throws nor rejects, and resolves its result.
 *
 * @throws Error with the last failure's message, and the failure as its cause, when the time is over.
 */
export async function eventually<T>(
  fn: () => T | PromiseLike<T>,
  options: EventuallyOptions = {},
): Promise<T> {
  const { timeoutMs = 5_000, everyMs = 20 } = options
  const end = Date.now() + timeoutMs
  for (let tries = 1; ; tries++) {
    const left = Math.max(1, end - Date.now())
    try {
      return await deadline(left, `try ${tries}`, fn)
    } catch (cause) {
      if (Date.now() + everyMs >= end) {
        const message = cause instanceof Error ? cause.message : String(cause)
        throw new Error(`still failing after ${timeoutMs} ms and ${tries} tries: ${message}`, { cause })
      }
    }
    await sleep(everyMs)
  }
}
