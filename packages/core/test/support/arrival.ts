import { type Logger, type Runtime, silentLogger, systemRuntime } from '@busbar/core'
import type { Arrival, DeliveryPlace } from '../../dist/context.js'
import type { DeliverySlot } from '../../dist/runner.js'

/** The slot of a delivery that makes room for nobody while it waits. */
export function slotOf(...ends: readonly AbortSignal[]): DeliverySlot {
  const draining = new AbortController().signal
  return { ends, draining, enlist: () => {}, retire: () => {}, leave: () => {}, enter: () => undefined }
}

/** How a delivery reached its subscription: the first time, with a readable envelope or none. */
export function arrival(slot: DeliverySlot, rest: Partial<Arrival> = {}): Arrival {
  return { attempt: 1, envelope: undefined, unreadable: undefined, collector: undefined, slot, ...rest }
}

/** What the contexts of a test's subscription have in common. */
export function place(logger: Logger = silentLogger, runtime: Runtime = systemRuntime): DeliveryPlace {
  const forward = () => Promise.resolve()
  const { signal: closing } = new AbortController()
  return { group: 'g', subscription: 's', event: 'e', logger, runtime, forward, closing }
}
