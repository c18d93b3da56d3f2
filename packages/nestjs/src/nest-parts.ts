import { BusbarError } from '@busbar/core'
import type { ArgumentsHost } from '@nestjs/common'
import type { ContextId, ExternalContextCreator } from '@nestjs/core'

/** The creator's own parts, in the order of its constructor. */
const constructed = [
  'guardsContextCreator',
  'guardsConsumer',
  'interceptorsContextCreator',
  'interceptorsConsumer',
  'modulesContainer',
  'pipesContextCreator',
  'pipesConsumer',
  'filtersContextCreator',
] as const

/** What the constructor of an {@link ExternalContextCreator} takes, from one that Nest has made. */
export function constructorParts(
  nest: ExternalContextCreator,
): ConstructorParameters<typeof ExternalContextCreator> {
  return constructed.map(name => partOf(nest, name)) as ConstructorParameters<typeof ExternalContextCreator>
}

interface FiltersContext {
  create(
    instance: object,
    method: unknown,
    moduleKey: string,
    contextId?: ContextId,
    inquirerId?: string,
  ): { invokeCustomFilters(thrown: unknown, host: ArgumentsHost): unknown }
}

interface ContextUtils {
  getContextFactory(type: string, instance: object, method: unknown): (delivered: unknown[]) => ArgumentsHost
}

/** What finds the exception filters of a method. */
export function filtersOf(nest: ExternalContextCreator): FiltersContext {
  return partOf(nest, 'filtersContextCreator') as FiltersContext
}

/** What makes the `ArgumentsHost` that a filter gets. */
export function contextUtilsOf(nest: ExternalContextCreator): ContextUtils {
  return partOf(nest, 'contextUtils') as ContextUtils
}

/**
 * Nest gives out neither. A version that has moved them must not run handlers without their guards.
 * @throws BusbarError `CAPABILITY_MISSING`
 */
function partOf(nest: ExternalContextCreator, name: (typeof constructed)[number] | 'contextUtils'): unknown {
  const part = (nest as unknown as Readonly<Record<string, unknown>>)[name]
  if (part !== undefined) return part
  throw new BusbarError(
    'CAPABILITY_MISSING',
    `this version of @nestjs/core has no ${name} where handlers get their guards, pipes and filters from: use NestJS 11 or 12`,
  )
}
