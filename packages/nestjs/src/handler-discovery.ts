import { BusbarError } from '@busbar/core'
import { MetadataScanner, type ModulesContainer } from '@nestjs/core'
import { declarationsOf, type HandlerDeclaration } from './handler-decorators.js'
import { hasDecoratedParameters } from './handler-parameters.js'

type NestModule = ModulesContainer extends Map<string, infer M> ? M : never

/** How Nest keeps a provider or controller: its instance, or what one is made from for each delivery. */
type HandlerHost = NestModule['providers'] extends Map<unknown, infer W> ? W : never

/** A method that Nest has an instance for, and what its decorators say. */
export interface DiscoveredHandler {
  /** `Class.method`, for people. */
  readonly name: string
  readonly host: HandlerHost
  readonly method: string
  readonly declaration: HandlerDeclaration
}

const scanner = new MetadataScanner()

/**
 * Finds the handlers of an application.
 * @throws BusbarError `CONFIG_INVALID` for one that nothing would ever call as it stands.
 */
export function discoverHandlers(modules: ModulesContainer): readonly DiscoveredHandler[] {
  const hosts = [...modules.values()].flatMap(({ providers, controllers }) => [
    ...providers.values(),
    ...controllers.values(),
  ])
  const handlers = distinct(hosts).flatMap(handlersOf)
  for (const { injectables } of modules.values()) refuseEnhancers([...injectables.values()], handlers)
  return handlers
}

/** One instance may be provided several times, by an alias or by a factory: then it counts once, where Nest made it. */
function distinct(hosts: readonly HandlerHost[]): readonly HandlerHost[] {
  const byInstance = new Map<unknown, HandlerHost>()
  for (const host of hosts) {
    const seen = byInstance.get(host.instance)
    if (!seen || (seen.isNotMetatype && !host.isNotMetatype)) byInstance.set(host.instance, host)
  }
  return [...byInstance.values()]
}

function handlersOf(host: HandlerHost): readonly DiscoveredHandler[] {
  const instance: unknown = host.instance
  if (typeof instance !== 'object' || instance === null) return []
  const prototype = Object.getPrototypeOf(instance) as Record<string, unknown> | null
  if (!prototype) return []
  return scanner.getAllMethodNames(prototype).flatMap(method =>
    declarationsOf(prototype[method]).map(declaration => {
      const name = `${prototype.constructor.name}.${method}`
      if (hasDecoratedParameters(prototype.constructor, method)) {
        throw new BusbarError(
          'CONFIG_INVALID',
          `${name}: its parameters have decorators, and @${declaration.decorator} heeds none: take the payload first, then the EventContext, and set pipes with @UsePipes`,
        )
      }
      return { name, host, method, declaration }
    }),
  )
}

/** Nest keeps the classes of guards, pipes, interceptors and filters apart from its providers. */
function refuseEnhancers(enhancers: readonly HandlerHost[], found: readonly DiscoveredHandler[]): void {
  const classes = new Set(found.map(({ host }) => host.metatype))
  for (const enhancer of enhancers) {
    const lost = classes.has(enhancer.metatype) ? undefined : handlersOf(enhancer)[0]
    if (!lost) continue
    throw new BusbarError(
      'CONFIG_INVALID',
      `${lost.name}: @${lost.declaration.decorator} is on a guard, pipe, interceptor or filter, which nothing would call with events: put it on a provider or a controller`,
    )
  }
}
