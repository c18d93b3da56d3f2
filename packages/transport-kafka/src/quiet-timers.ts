import { createRequire } from 'node:module'

interface RequestQueue {
  readonly pending: readonly unknown[]
  readonly throttledUntil: number
  scheduleCheckPendingRequests(): void
}

let done = false

/**
 * Stops kafkajs 2.2.4 from arming a timer with a negative delay after each response, which Node 22 and later report as
 * `TimeoutNegativeWarning`: its request queue computes the delay from a throttling time of -1 when it neither is
 * throttled nor has anything waiting, and so has nothing to check. Other warnings stay as they are. Does nothing where
 * kafkajs looks different.
 */
export function quietKafkaTimers(): void {
  if (done) return
  done = true
  const queue = prototypeOfRequestQueue()
  if (typeof queue?.scheduleCheckPendingRequests !== 'function') return
  const original: { value?: (this: RequestQueue) => void } | undefined = Object.getOwnPropertyDescriptor(
    queue,
    'scheduleCheckPendingRequests',
  )
  queue.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length === 0 && this.throttledUntil <= Date.now()) return
    original?.value?.call(this)
  }
}

function prototypeOfRequestQueue(): RequestQueue | undefined {
  try {
    const load = createRequire(import.meta.url)
    return (load('kafkajs/src/network/requestQueue/index.js') as { prototype?: RequestQueue }).prototype
  } catch {
    return undefined
  }
}
