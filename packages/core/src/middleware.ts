import type { Bus } from './bus.js'
import type { Layer, NamedLayer, Next } from './compose.js'
import type { BatchContext, EventContext, PublishContext, RecordContext, RequestContext } from './context.js'
import { BusbarError } from './error.js'

/**
 * A middleware: a name, and a layer for each phase that it takes part in. From the outside to the handler:
 *
 * - `request`: around one `bus.request`, from the call to its reply, or one `bus.requestMany`, from its subscription to its
 *   last outcome; the publish is inside of it. `next()` rejects with what the caller gets. That of `bus.requestMany` resolves
 *   also when its time was over or its subscriber has had enough; {@link RequestContext.many} tells what had come by then. Its
 *   Observable emits while `next()` runs, and completes or fails when the layers have.
 * - `publish`: around the sending of one event, request or reply; headers can be added.
 * - `record`: around one delivery to one subscription, retries and dead letter included, before its bytes are decoded.
 * - `attempt`: inside of `record`, around each attempt to decode and handle it.
 * - `event`: inside of `attempt`, with the decoded payload, around the handler.
 * - `batch`: around one call of the handler of a batch; the records' own layers are outside of it.
 */
export interface Middleware {
  readonly name: string
  /** Not there: a function that makes a middleware, and was not called, is none. */
  readonly apply?: never
  /** Its place among those that depend on their order; see {@link Stage}. Default: anywhere. */
  readonly stage?: Stage
  /** Whether it runs its inside again after a failure. */
  readonly reruns?: boolean
  /** Whether it may fail while its inside still runs. */
  readonly abandons?: boolean
  /**
   * Whether it only looks on: it calls `next()` once, lets what that rejects with pass, and changes nothing that is handled. Only
   * such middleware sees streams with a state: its `record` and `attempt` layers run around each of their records too, its
   * `publish` layer around all that they send. Default: false.
   */
  readonly observes?: boolean
  /** Topics by which records of a topic come back to a group because of this middleware; the group consumes them too. */
  readonly returnTopics?: (topic: string, group: string) => readonly string[]
  /** Called once with the bus that `use` was called on, for what no layer sees. It must not keep the process alive. */
  readonly attach?: (bus: Bus) => void
  readonly request?: Layer<RequestContext>
  readonly publish?: Layer<PublishContext>
  readonly record?: Layer<RecordContext>
  readonly attempt?: Layer<RecordContext>
  readonly event?: Layer<EventContext>
  readonly batch?: Layer<BatchContext>
}

/**
 * The order of the middleware that depends on one another, from the outside to the inside. Dead letter gets what retry
 * gave up; retry repeats what a time limit ended; a circuit breaker, a throttle and a concurrency limit hold back each
 * attempt; a mark of completion is made for what the filter let through, and a time limit is for the handler alone.
 */
const stages = [
  'dead-letter',
  'retry',
  'circuit-breaker',
  'throttle',
  'concurrency',
  'filter',
  'idempotent',
  'timeout',
] as const

export type Stage = (typeof stages)[number]

/**
 * The same middleware, if those with a stage stand in the order of their stages and none stands twice.
 * @throws BusbarError `CONFIG_INVALID`
 */
export function inOrder(middleware: readonly Middleware[], where: string): readonly Middleware[] {
  const staged = middleware.filter(each => each.stage !== undefined)
  for (const [index, each] of staged.entries()) {
    const before = staged[index - 1]
    if (!before) continue
    const [outer, inner] = [stages.indexOf(before.stage as Stage), stages.indexOf(each.stage as Stage)]
    if (outer < inner || (outer === inner && repeatable.has(each.stage as Stage))) continue
    throw new BusbarError(
      'CONFIG_INVALID',
      outer === inner
        ? `${where}: ${each.name} is there twice: keep one`
        : `${where}: ${before.name} stands outside of ${each.name}: the order is ${stages.join(', ')}`,
    )
  }
  return middleware
}

const repeatable: ReadonlySet<Stage> = new Set(['throttle', 'concurrency', 'filter'])

/**
 * Adds a middleware before the first that belongs inside of it, unless one of its stage is there: how defaults join what
 * a user chose.
 */
export function withDefault(middleware: readonly Middleware[], added: Middleware): readonly Middleware[] {
  if (middleware.some(each => each.stage === added.stage)) return middleware
  const place = stages.indexOf(added.stage as Stage)
  const inner = middleware.findIndex(each => each.stage !== undefined && stages.indexOf(each.stage) > place)
  return inner < 0 ? [...middleware, added] : middleware.toSpliced(inner, 0, added)
}

/** What `use` takes: a middleware, or just a function, which is one of the `event` phase. */
export type MiddlewareLike = Middleware | ((context: EventContext, next: Next) => void | Promise<void>)

const phases = ['request', 'publish', 'record', 'attempt', 'event', 'batch'] as const
type Phase = (typeof phases)[number]
type ContextOf<P extends Phase> = Parameters<NonNullable<Middleware[P]>>[0]

/** The layers of one phase, outermost first. */
export function layersOf<P extends Phase>(
  phase: P,
  middleware: readonly Middleware[],
): NamedLayer<ContextOf<P>>[] {
  return middleware.flatMap(each => {
    const run = each[phase] as Layer<ContextOf<P>> | undefined
    if (!run) return []
    // With its `this`: a middleware may be an instance of a class.
    const layer: Layer<ContextOf<P>> = (context, next) => run.call(each, context, next)
    return [{ name: each.name, run: layer, reruns: each.reruns ?? false, abandons: each.abandons ?? false }]
  })
}

/**
 * Normalises what `use` was given.
 * @throws BusbarError `CONFIG_INVALID` for what is no middleware, or one without any phase.
 */
export function middlewareOf(given: MiddlewareLike, doing: string): Middleware {
  if (typeof given === 'function') return { name: given.name || 'anonymous', event: given }
  const layers =
    typeof given === 'object' && given !== null
      ? [given.attach, ...phases.map(phase => given[phase])].filter(each => each !== undefined)
      : []
  if (
    layers.length > 0 &&
    layers.every(each => typeof each === 'function') &&
    typeof given.name === 'string'
  ) {
    refuseActing(given, doing)
    return given
  }
  throw new BusbarError(
    'CONFIG_INVALID',
    `${doing}: a middleware is a function (context, next), or an object with a name and at least one of ${phases.join(', ')}`,
  )
}

/** Nothing that acts on a record can be around a stream with a state, whose record is processed once for its commit. */
function refuseActing(given: Middleware, doing: string): void {
  const acts = given.stage || given.reruns || given.abandons || given.returnTopics
  if (!given.observes || !acts) return
  throw new BusbarError(
    'CONFIG_INVALID',
    `${doing}: middleware "${given.name}" says that it only observes: leave out "observes", or "stage", "reruns", "abandons" and "returnTopics"`,
  )
}
