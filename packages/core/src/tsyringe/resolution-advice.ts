import { reasonOf } from '../error.js'
import type { HandlerClass } from './handler-source.js'

/** What to do about a failed resolution, by the innermost reason in tsyringe's message. */
export function adviceFor(thrown: unknown): string {
  const reason = reasonOf(thrown)
  const unregistered = /unregistered dependency token: "(.+)"/.exec(reason)?.[1]
  if (unregistered) return `register ${unregistered} in the container before bus.start()`
  const unknown = /TypeInfo not known for "(.*)"/.exec(reason)?.[1]
  if (unknown === 'Object')
    return 'the type of that parameter is an interface, or imported as a type alone: give it a token with @inject(token)'
  if (unknown !== undefined)
    return `decorate ${unknown} with @injectable(), and either compile with emitDecoratorMetadata or give each parameter of its constructor a token with @inject(token)`
  if (/undefined constructor/.test(reason))
    return 'either the type of that parameter is no class: give it a token with @inject(token); or two files import each other: use @inject(delay(() => Class)), and resolve a singleton behind it in the container before the start'
  return 'make it possible to resolve the class when the bus starts'
}

/**
 * The first parameter of a constructor for which tsyringe would pass `undefined` without a word: it has no `@inject`, others
 * have, and there is no metadata to go by. Undefined if there is none.
 */
export function parameterWithoutToken(of: HandlerClass): number | undefined {
  const reflect = Reflect as MetadataReflect
  if (reflect.getMetadata?.('design:paramtypes', of) !== undefined) return undefined
  const tokens = reflect.getOwnMetadata?.('injectionTokens', of)
  if (typeof tokens !== 'object' || tokens === null) return undefined
  const index = Array.from({ length: of.length }, (_, each) => each in tokens).indexOf(false)
  return index < 0 ? undefined : index
}

/** The polyfill that tsyringe asks for, or none. */
interface MetadataReflect {
  readonly getMetadata?: (key: string, of: object) => unknown
  readonly getOwnMetadata?: (key: string, of: object) => unknown
}
