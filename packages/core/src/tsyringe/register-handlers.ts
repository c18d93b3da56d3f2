import type { DependencyContainer } from 'tsyringe'
import type { Bus, Subscription } from '../bus.js'
import { BusbarError } from '../error.js'
import { handlerForDelivery } from './delivery-container.js'
import { handlerSources, type RegisteredHandlers } from './handler-source.js'
import { requireResolvable } from './resolvable.js'

/**
 * Subscribes the methods of these classes that `@handles` and `@replies` decorate. For each delivery the class is resolved in
 * a child container of `container`, which has the context under `deliveryContext` and is disposed when the handler is done.
 * The start of the bus resolves each class once, and fails where that fails.
 *
 * @returns the subscriptions, in the order of the classes.
 * @throws BusbarError `CONFIG_INVALID` for what is no class, has no handler or is there twice, and once the bus has started;
 * and, naming the method, what `bus.subscribe` and `bus.reply` throw.
 */
export function registerHandlers(
  bus: Bus,
  container: DependencyContainer,
  classes: readonly RegisteredHandlers[],
): readonly Subscription[] {
  if (typeof container?.createChildContainer !== 'function')
    throw new BusbarError(
      'CONFIG_INVALID',
      'registerHandlers: the second argument must be a tsyringe container',
    )
  if (bus.state !== 'new')
    throw new BusbarError(
      'CONFIG_INVALID',
      `registerHandlers: bus ${bus.name} has started already: call it before bus.start()`,
    )
  const sources = handlerSources(classes)
  naming('registerHandlers', () =>
    bus.onStart(async () => {
      for (const source of sources) await requireResolvable(container, source)
    }),
  )
  return sources.flatMap(source =>
    [...source.methods].flatMap(([method, subscribes]) =>
      subscribes.map(subscribe =>
        naming(`${source.name}.${String(method)}`, () =>
          subscribe(bus, handlerForDelivery(container, source, method)),
        ),
      ),
    ),
  )
}

/** Says in an error whose it is. */
function naming<T>(name: string, work: () => T): T {
  try {
    return work()
  } catch (thrown) {
    if (!(thrown instanceof BusbarError)) throw thrown
    throw new BusbarError(thrown.code, `${name}: ${thrown.message}`, { cause: thrown })
  }
}
