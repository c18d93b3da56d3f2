import type { Layer, NamedLayer, Next } from './compose.js'
import type { EventContext, PublishContext, RecordContext } from './context.js'
import { BusbarError } from './error.js'

/**
 * A middleware: a name, and a layer for each phase that it takes part in. From the outside to the handler:
 *
 * - `publish`: around the sending of one event or request; the payload is typed, headers can be added.
 * - `record`: around one delivery to one subscription, before its bytes are decoded.
 * - `event`: inside of `record`, with the decoded payload, around the handler.
 */
export interface Middleware {
  readonly name: string
  readonly publish?: Layer<PublishContext>
  readonly record?: Layer<RecordContext>
  readonly event?: Layer<EventContext>
}

/** What `use` takes: a middleware, or just a function, which is one of the `event` phase. */
export type MiddlewareLike = Middleware | ((context: EventContext, next: Next) => void | Promise<void>)

const phases = ['publish', 'record', 'event'] as const
type Phase = (typeof phases)[number]
type ContextOf<P extends Phase> = Parameters<NonNullable<Middleware[P]>>[0]

/** The layers of one phase, outermost first. */
export function layersOf<P extends Phase>(phase: P, middleware: readonly Middleware[]): NamedLayer<ContextOf<P>>[] {
  return middleware.flatMap(each => {
    const run = each[phase] as Layer<ContextOf<P>> | undefined
    // With its `this`: a middleware may be an instance of a class.
    return run ? [{ name: each.name, run: (context, next) => run.call(each, context, next) }] : []
  })
}

/**
 * Normalises what `use` was given.
 * @throws BusbarError `CONFIG_INVALID` for what is no middleware, or one without any phase.
 */
export function middlewareOf(given: MiddlewareLike, doing: string): Middleware {
  if (typeof given === 'function') return { name: given.name || 'anonymous', event: given }
  const layers = typeof given === 'object' && given !== null ? phases.map(phase => given[phase]).filter(each => each !== undefined) : []
  if (layers.length > 0 && layers.every(each => typeof each === 'function') && typeof given.name === 'string') return given
  throw new BusbarError(
    'CONFIG_INVALID',
    `${doing}: a middleware is a function (context, next), or an object with a name and at least one of publish, record, event`,
  )
}
