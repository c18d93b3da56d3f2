import type { DependencyContainer } from 'tsyringe'
import type { EventContext } from '../context.js'
import { deliveryContext } from './delivery-context.js'
import { type HandlerSource, methodOf } from './handler-source.js'

/** A handler that calls a method of an instance made for the delivery, in a container made for the delivery. */
export function handlerForDelivery(
  container: DependencyContainer,
  source: HandlerSource,
  method: PropertyKey,
): (payload: unknown, context: EventContext) => Promise<unknown> {
  return async (payload, context) => {
    if (isDisposed(container)) return outlast(container, context)
    const child = container.createChildContainer()
    try {
      child.registerInstance(deliveryContext, context)
      const instance = child.resolve<object>(source.token)
      return await methodOf(instance, source, method).call(instance, payload, context)
    } finally {
      await dispose(child, context)
    }
  }
}

/** Whether a container, or one that it looks into, takes no more calls. */
export function isDisposed(container: DependencyContainer): boolean {
  try {
    container.isRegistered(unknownToken, true)
    return false
  } catch {
    return true
  }
}

const unknownToken = Symbol('busbar.unknown')
const reported = new WeakSet<DependencyContainer>()

/**
 * The container went before the bus: no fault of the record, which would become a dead letter if it failed. It waits for the
 * bus to be closed and is then handed back.
 */
async function outlast(container: DependencyContainer, context: EventContext): Promise<void> {
  if (!reported.has(container)) {
    reported.add(container)
    context.logger.error(
      'the container of the handlers is disposed: their records wait until the bus is closed, and are then handed back; close the bus before you dispose the container',
    )
  }
  await context.waitFor(() => () => {})
}

/** What a disposal fails with changes nothing of what the handler did. */
async function dispose(child: DependencyContainer, context: EventContext): Promise<void> {
  try {
    await child.dispose()
  } catch (thrown) {
    context.logger.error({ err: thrown }, 'the container of a delivery could not be disposed')
  }
}
