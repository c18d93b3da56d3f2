import type { Bus, Handler, ReplyHandler, Subscription } from '../bus.js'
import type { SubscribeOptions } from '../bus-options.js'
import { BusbarError } from '../error.js'
import type { AnyEvent, EventPayload } from '../event.js'
import type { RequestDefinition } from '../request.js'

/** Decorates methods of this type: with `experimentalDecorators` (tsc, esbuild, swc), or as a standard decorator. */
export interface HandlerDecorator<Method> {
  <T extends Method>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<T>): void
  <T extends Method>(method: T, context: ClassMethodDecoratorContext): void
}

/** Subscribes a handler to what its decorator said. */
export type Subscribe = (bus: Bus, handler: Handler<unknown>) => Subscription

/**
 * The method handles this event, once its class is given to `registerHandlers`. Options are those of `bus.subscribe`. It is
 * called as any handler: with the payload and the context of the delivery. A method may have several of these decorators.
 * @throws BusbarError `CONFIG_INVALID` on what is no method of instances.
 */
export function handles<E extends AnyEvent>(
  event: E,
  options: SubscribeOptions = {},
): HandlerDecorator<Handler<EventPayload<E>>> {
  return marking('@handles', (bus, handler) => bus.subscribe(event, options, handler))
}

/**
 * The method answers this request with what it returns, once its class is given to `registerHandlers`. Options are those of
 * `bus.reply`, and errors become answers as there.
 * @throws BusbarError `CONFIG_INVALID` on what is no method of instances.
 */
export function replies<In, Out, ReplyIn, ReplyOut>(
  request: RequestDefinition<In, Out, ReplyIn, ReplyOut>,
  options: SubscribeOptions = {},
): HandlerDecorator<ReplyHandler<Out, ReplyIn>> {
  return marking('@replies', (bus, handler) =>
    bus.reply(request, options, handler as ReplyHandler<Out, ReplyIn>),
  )
}

/**
 * What the decorated methods of a class subscribe to, by their names, inherited ones included. A method that overrides a
 * decorated one takes its place, and what it was decorated with unless it has decorators of its own.
 */
export function decoratedMethods(of: { readonly prototype: object }): Map<PropertyKey, readonly Subscribe[]> {
  const methods = new Map<PropertyKey, readonly Subscribe[]>()
  for (
    let holder: object | null = of.prototype;
    holder;
    holder = Object.getPrototypeOf(holder) as object | null
  ) {
    for (const key of Reflect.ownKeys(holder)) {
      const found = marksOf(holder, key)
      if (found && !methods.has(key)) methods.set(key, found)
    }
  }
  return methods
}

/**
 * By what decorators know of the method: its prototype, which another decorator that replaces the method leaves as it is;
 * standard decorators know only the function.
 */
const marks = new WeakMap<object, Map<PropertyKey, Subscribe[]>>()

function marking(decorator: string, subscribe: Subscribe): HandlerDecorator<never> {
  return (
    target: object,
    where: PropertyKey | ClassMethodDecoratorContext,
    descriptor?: PropertyDescriptor,
  ) => {
    const isStandard = typeof where === 'object'
    const key = isStandard ? where.name : where
    const isMethod = isStandard
      ? where.kind === 'method' && !where.static && !where.private
      : typeof target === 'object' && typeof descriptor?.value === 'function'
    if (!isMethod) {
      throw new BusbarError(
        'CONFIG_INVALID',
        `${decorator} stands at ${String(key)}, which is no method of instances: static and private methods, fields and accessors can't be handlers`,
      )
    }
    mark(target, key, subscribe)
  }
}

function mark(owner: object, key: PropertyKey, subscribe: Subscribe): void {
  const ofOwner = marks.get(owner) ?? new Map<PropertyKey, Subscribe[]>()
  marks.set(owner, ofOwner.set(key, [...(ofOwner.get(key) ?? []), subscribe]))
}

function marksOf(holder: object, key: PropertyKey): readonly Subscribe[] | undefined {
  const method: unknown = Object.getOwnPropertyDescriptor(holder, key)?.value
  return (
    marks.get(holder)?.get(key) ?? (typeof method === 'function' ? marks.get(method)?.get(key) : undefined)
  )
}
