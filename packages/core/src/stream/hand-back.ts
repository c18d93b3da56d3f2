import type { EventContext } from '../context.js'

/** Nobody is there to take a record any more. Rejects as soon as the subscription, which is being closed, gives up its records. */
export function handBack(context: EventContext): Promise<void> {
  return context.waitFor(() => () => {})
}
