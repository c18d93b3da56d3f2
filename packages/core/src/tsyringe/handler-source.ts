import type { InjectionToken } from 'tsyringe'
import type { Handler } from '../bus.js'
import { BusbarError } from '../error.js'
import { decoratedMethods, type Subscribe } from './handler-decorators.js'

/** A class whose methods are handlers. */
export type HandlerClass = new (...args: never[]) => object

/** A class to register: itself, or, where the container knows it by another token, the two of them. */
export type RegisteredHandlers =
  | HandlerClass
  | { readonly token: InjectionToken<object>; readonly class: HandlerClass }

/** A class with its token and what its methods subscribe to. */
export interface HandlerSource {
  readonly name: string
  readonly token: InjectionToken<object>
  readonly class: HandlerClass
  /** By the names of the methods. */
  readonly methods: ReadonlyMap<PropertyKey, readonly Subscribe[]>
}

/** @throws BusbarError `CONFIG_INVALID` for what is no class, has no handler, or is there twice. */
export function handlerSources(given: readonly RegisteredHandlers[]): readonly HandlerSource[] {
  if (given.length === 0) throw invalid('give at least one class')
  const sources = given.map(sourceOf)
  const twice = sources.find(
    (source, index) => sources.findIndex(each => each.class === source.class) < index,
  )
  if (twice) throw invalid(`class ${twice.name} is there twice, and would handle everything twice`)
  return sources
}

/** @throws BusbarError `CONFIG_INVALID` for an instance of something else, which the container has under the token. */
export function methodOf(instance: object, { name }: HandlerSource, method: PropertyKey): Handler<unknown> {
  const found = (instance as Readonly<Record<PropertyKey, unknown>> | undefined)?.[method]
  if (typeof found === 'function') return found as Handler<unknown>
  throw new BusbarError(
    'CONFIG_INVALID',
    `registerHandlers: what the container has for class ${name} has no method ${String(method)}: register the class under its token`,
  )
}

function sourceOf(given: RegisteredHandlers, index: number): HandlerSource {
  const isPair = typeof given === 'object' && given !== null
  const type: unknown = isPair ? given.class : given
  if (!isClass(type)) throw invalid(`number ${index + 1} is no class: give a class, or { token, class }`)
  const token = isPair ? given.token : (type as InjectionToken<object>)
  const name = type.name || 'without a name'
  if (token === undefined || token === null)
    throw invalid(`class ${name} comes without its token: give { token, class }, or the class alone`)
  const methods = decoratedMethods(type)
  if (methods.size === 0)
    throw invalid(`class ${name} has no handler: decorate a method with @handles(event) or @replies(request)`)
  return { name, token, class: type, methods }
}

function isClass(given: unknown): given is HandlerClass {
  return typeof given === 'function' && typeof given.prototype === 'object'
}

function invalid(problem: string): BusbarError {
  return new BusbarError('CONFIG_INVALID', `registerHandlers: ${problem}`)
}
