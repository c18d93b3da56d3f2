import { BusbarError, type EventContext } from '@busbar/core'
import { HttpException } from '@nestjs/common'
import { type ContextId, ContextIdFactory, ExternalContextCreator, ModuleRef } from '@nestjs/core'
import { isObservable, lastValueFrom } from 'rxjs'
import type { DiscoveredHandler } from './handler-discovery.js'
import { contextParameter, parameters, parametersKey } from './handler-parameters.js'
import { constructorParts, contextUtilsOf, filtersOf } from './nest-parts.js'

/** What `ExecutionContext.getType()` says in guards, pipes, interceptors and filters of a handler. */
const contextType = 'busbar'

/** Runs one delivery through the guards, interceptors and pipes of a handler, the handler, and its exception filters. */
export type RunHandler = (payload: unknown, context: EventContext) => Promise<unknown>

type Instance = Record<string, (...args: unknown[]) => unknown>

/** A function that runs a handler: on its one instance, or on one of its own for each delivery where it is request-scoped. */
export function runnerOf(nest: ExternalContextCreator, handler: DiscoveredHandler): RunHandler {
  const { host } = handler
  const contexts = new HandlerContexts(nest, handler)
  if (host.isDependencyTreeStatic()) return contexts.runOn(host.instance as Instance)
  const moduleRef = host.host?.providers.get(ModuleRef)?.instance as ModuleRef
  return async (payload, context) => {
    const contextId = ContextIdFactory.getByRequest(context)
    moduleRef.registerRequestByContextId(
      host.isDependencyTreeDurable() ? contextId.payload : context,
      contextId,
    )
    const instance = await moduleRef.resolve<Instance>(host.token as string, contextId, { strict: true })
    return contexts.runOn(instance, contextId, host.id)(payload, context)
  }
}

/**
 * Nest's own way to call a method from outside of its transports. What is ours: the module of a controller is found too, without
 * which its guards would be passed over; pipes are for the payload alone; what guards and pipes refuse is told
 * from what fails; and an error that no filter wants goes to the bus, which logs it, and not to the log first.
 */
class HandlerContexts extends ExternalContextCreator {
  readonly #handler: DiscoveredHandler
  readonly #refusedBy = new WeakMap<object, 'guard' | 'pipe'>()

  constructor(nest: ExternalContextCreator, handler: DiscoveredHandler) {
    super(...constructorParts(nest))
    this.#handler = handler
  }

  runOn(instance: Instance, contextId?: ContextId, inquirerId?: string): RunHandler {
    const { method } = this.#handler
    const callback = instance[method] as Instance[string]
    const enhancers = { guards: true, interceptors: true, filters: false }
    const run = this.create(
      instance,
      callback,
      method,
      parametersKey,
      parameters,
      contextId,
      inquirerId,
      enhancers,
      contextType,
    )
    const filters = filtersOf(this).create(
      instance,
      callback,
      this.getContextModuleKey(),
      contextId,
      inquirerId,
    )
    const hostOf = contextUtilsOf(this).getContextFactory(contextType, instance, callback)
    return async (payload, context) => {
      try {
        return (await run(payload, context)) as unknown
      } catch (thrown) {
        const answer: unknown = await filters.invokeCustomFilters(thrown, hostOf([payload, context]))
        // It has only looked on. Nest 11 takes null for that, Nest 12 undefined.
        if (answer === undefined || answer === null) throw this.#verdictOf(thrown)
        return this.transformToResult(answer)
      }
    }
  }

  override getContextModuleKey(): string {
    return this.#handler.host.host?.token ?? ''
  }

  override createGuardsFn(
    ...args: Parameters<ExternalContextCreator['createGuardsFn']>
  ): ReturnType<ExternalContextCreator['createGuardsFn']> {
    const admit = super.createGuardsFn(...args) as ((delivered: unknown) => Promise<void>) | null
    return admit && ((delivered: unknown) => this.#noteRefusal('guard', () => admit(delivered)))
  }

  override async getParamValue<T>(
    value: T,
    ...rest: Parameters<ExternalContextCreator['getParamValue']> extends [unknown, ...infer R] ? R : never
  ): Promise<unknown> {
    const [metadata] = rest
    if ((metadata.type as unknown) === contextParameter) return value
    return this.#noteRefusal('pipe', () => super.getParamValue(value, ...rest) as Promise<unknown>)
  }

  /** An Observable is done when it completes, also without a value. */
  override async transformToResult(result: unknown): Promise<unknown> {
    return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result
  }

  async #noteRefusal<T>(by: 'guard' | 'pipe', run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (thrown) {
      if (thrown instanceof Error) this.#refusedBy.set(thrown, by)
      throw thrown
    }
  }

  /** What a guard or a pipe refuses as the sender's fault is not tried again: it would be refused again. */
  #verdictOf(thrown: unknown): unknown {
    if (!(thrown instanceof HttpException) || !isFaultOfSender(thrown)) return thrown
    const by = this.#refusedBy.get(thrown)
    if (!by) return thrown
    const { name, declaration } = this.#handler
    return new BusbarError(
      by === 'pipe' ? 'PAYLOAD_INVALID' : 'HANDLER_FAILED',
      `a ${by} of ${name} refused ${declaration.contract.name}: ${reasonsOf(thrown)}`,
      { cause: thrown, retryable: false },
    )
  }
}

/** Statuses by which a server asks to come again. */
const comeAgain: ReadonlySet<number> = new Set([408, 425, 429])

function isFaultOfSender(exception: HttpException): boolean {
  const status = exception.getStatus()
  return status >= 400 && status < 500 && !comeAgain.has(status)
}

/** `ValidationPipe` keeps what it has found beside the message. */
function reasonsOf(exception: HttpException): string {
  const response = exception.getResponse()
  const { message } = (typeof response === 'object' ? response : {}) as { readonly message?: unknown }
  return Array.isArray(message) ? message.join(', ') : exception.message
}
