import 'reflect-metadata'
import {
  type AnyEvent,
  type AnyRequest,
  BusbarError,
  type EventContext,
  type EventPayload,
  type RequestDefinition,
  type SubscribeOptions,
} from '@busbar/core'
import type { Observable } from 'rxjs'
import { describeParameters } from './handler-parameters.js'

/** What a decorator says of a method. */
export type HandlerDeclaration =
  | { readonly decorator: 'OnEvent'; readonly contract: AnyEvent; readonly options: SubscribeOptions }
  | { readonly decorator: 'Replies'; readonly contract: AnyRequest; readonly options: SubscribeOptions }

/** A decorator of a method that can be called as `Method`; any other method is a type error. */
export type HandlerDecorator<Method> = <M extends Method>(
  prototype: object,
  name: string,
  descriptor: TypedPropertyDescriptor<M>,
) => void

type EventMethod<Payload> = (payload: Payload, context: EventContext<Payload>) => unknown
type ReplyMethod<Payload, Reply> = (
  payload: Payload,
  context: EventContext<Payload>,
) => Reply | Promise<Reply> | Observable<Reply>

/**
 * Makes a method of a provider or controller a handler of an event: it gets the payload and the {@link EventContext}.
 * The event is acknowledged when the method has returned, its promise has resolved, or its Observable has completed.
 * Options are those of `bus.subscribe`. Several on one method are several subscriptions.
 *
 * What is wrong with it fails the start of the application: `EVENT_UNKNOWN` for what is no event, `CONFIG_INVALID` for
 * a second handler of an event in a group without a `name`.
 */
export function OnEvent<E extends AnyEvent>(
  event: E,
  options: SubscribeOptions = {},
): HandlerDecorator<EventMethod<EventPayload<E>>> {
  return declare({ decorator: 'OnEvent', contract: event, options })
}

/**
 * Makes a method of a provider or controller answer a request with what it returns, or with the error that it throws.
 * Options are those of `bus.reply`. What is wrong with it fails the start of the application, as with {@link OnEvent}.
 */
export function Replies<In, Out, ReplyIn, ReplyOut>(
  request: RequestDefinition<In, Out, ReplyIn, ReplyOut>,
  options: SubscribeOptions = {},
): HandlerDecorator<ReplyMethod<Out, ReplyIn>> {
  return declare({ decorator: 'Replies', contract: request, options })
}

const declarations = Symbol('@busbar/nestjs handlers')

function declare<Method>(declaration: HandlerDeclaration): HandlerDecorator<Method> {
  return (prototype, name, descriptor) => {
    const method: unknown = descriptor.value
    if (typeof prototype === 'function' || typeof method !== 'function') {
      const { name: className } = typeof prototype === 'function' ? prototype : prototype.constructor
      throw new BusbarError(
        'CONFIG_INVALID',
        `@${declaration.decorator} on ${className}.${name}: it belongs on a method of instances, since it is called on the one that Nest makes`,
      )
    }
    Reflect.defineMetadata(declarations, [declaration, ...declarationsOf(method)], method)
    describeParameters(prototype.constructor, name)
  }
}

/** What the decorators of a method say, in the order in which they stand. */
export function declarationsOf(method: unknown): readonly HandlerDeclaration[] {
  if (typeof method !== 'function') return []
  return (Reflect.getMetadata(declarations, method) as HandlerDeclaration[] | undefined) ?? []
}
