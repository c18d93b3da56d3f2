import 'reflect-metadata'
import type { ParamsFactory } from '@nestjs/core'

/** Where the parameters of a handler are described, in the form in which Nest keeps those of its own decorators. */
export const parametersKey = '@busbar/nestjs parameters'

/** Nest's kind for a body, which is what its pipes are told that they have; it is that of a payload of its own transports too. */
const payload = 3
/** Any other kind. */
export const contextParameter = 0

/** Lets Nest run pipes on the payload, whose class it knows by the metadata that the compiler emits. */
export function describeParameters(host: object, method: string): void {
  const described = {
    [`${payload}:0`]: { index: 0, pipes: [] },
    [`${contextParameter}:1`]: { index: 1, pipes: [] },
  }
  Reflect.defineMetadata(parametersKey, described, host, method)
}

export const parameters: ParamsFactory = {
  exchangeKeyForValue: (kind, _data, delivered: readonly unknown[]) => delivered[kind === payload ? 0 : 1],
}

/** Nest's own place for decorated parameters, `@Payload()` among them. */
const routeArgumentsKey = '__routeArguments__'

/** Whether parameters of a method have decorators, which only other transports would heed. */
export function hasDecoratedParameters(host: object, method: string): boolean {
  return Reflect.hasMetadata(routeArgumentsKey, host, method)
}
