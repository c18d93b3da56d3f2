import type { DependencyContainer } from 'tsyringe'
import { BusbarError, reasonOf } from '../error.js'
import { isDisposed } from './delivery-container.js'
import { contextStandIn, deliveryContext, standInUse } from './delivery-context.js'
import { type HandlerSource, methodOf } from './handler-source.js'
import { adviceFor, parameterWithoutToken } from './resolution-advice.js'

/**
 * Makes sure, before anything is received, that a class can be made and has its methods.
 *
 * It is made in the container itself: tsyringe disposes a singleton with the container that made it, so that one which a
 * delivery's container made would end with that delivery, and all others would go on with it.
 * Rejects with `CONFIG_INVALID` naming the class, the dependency, and what to do.
 */
export async function requireResolvable(
  container: DependencyContainer,
  source: HandlerSource,
): Promise<void> {
  if (isDisposed(container))
    throw unresolvable(source, 'the container is disposed: start the bus before you dispose it')
  const index = parameterWithoutToken(source.class)
  if (index !== undefined) {
    throw unresolvable(
      source,
      `parameter #${index} of its constructor has no token, and the class was compiled without decorator metadata: give it one with @inject(token), or compile with emitDecoratorMetadata`,
    )
  }
  if (!container.isRegistered(deliveryContext)) container.register(deliveryContext, contextStandIn)
  if (!takesContext(container, source)) return
  const child = container.createChildContainer()
  // Another delivery: what takes the context takes it anew.
  const takesAnew = takesContext(child, source)
  // What a disposal fails with, the deliveries will tell.
  await Promise.resolve(child.dispose()).catch(() => {})
  if (takesAnew) return
  throw unresolvable(
    source,
    'a singleton takes deliveryContext, and would keep that of one delivery for ever: register it with Lifecycle.ContainerScoped, or hand the context on from the handler, whose second argument it is',
  )
}

/** Resolves the class once; whether that took the context of a delivery. */
function takesContext(container: DependencyContainer, source: HandlerSource): boolean {
  const before = { ...standInUse }
  const instance = resolved(container, source)
  if (instance) for (const method of source.methods.keys()) methodOf(instance, source, method)
  return standInUse.taken > before.taken
}

/** Undefined where a constructor or a factory reads the context: how that goes on, only a delivery can show. */
function resolved(container: DependencyContainer, source: HandlerSource): object | undefined {
  const { read } = standInUse
  try {
    return container.resolve<object>(source.token)
  } catch (thrown) {
    if (standInUse.read > read) return undefined
    throw unresolvable(source, `${reasonOf(thrown).replaceAll(/\s+/g, ' ')}: ${adviceFor(thrown)}`, thrown)
  }
}

function unresolvable({ name }: HandlerSource, problem: string, cause?: unknown): BusbarError {
  const message = `registerHandlers: class ${name} can't be resolved: ${problem}`
  return new BusbarError('CONFIG_INVALID', message, cause === undefined ? {} : { cause })
}
