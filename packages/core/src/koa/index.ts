import type { IncomingHttpHeaders } from 'node:http'
import type {} from 'koa'
import type { Bus } from '../bus.js'
import { withCorrelation } from '../correlation.js'
import * as endpoint from '../http/endpoints.js'
import { carryCorrelation, type RequestScopeOptions, requestScope } from '../http/request-scope.js'

export type { HealthOptions, MetricsOptions, MetricsSource } from '../http/endpoints.js'
export { type HttpListener, type HttpService, type ListenOptions, listen } from '../http/listen.js'
export type { RequestScopeOptions } from '../http/request-scope.js'

declare module 'koa' {
  interface ExtendableContext {
    /** The bus that the middleware `busbar(bus)` was given. */
    bus: Bus
  }
}

/** What the middleware here need of Koa's context. */
export interface KoaContext {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  status: number
  body: unknown
  bus: Bus
  set(name: string, value: string): void
}

/** A middleware of Koa. */
export type KoaMiddleware = (context: KoaContext, next: () => Promise<unknown>) => Promise<unknown>

/**
 * Gives each request its `ctx.bus`, and its correlation id and trace to whatever is published while it is served. Add it
 * before the routes, and before the bus starts. The answer has the correlation id in `x-correlation-id`.
 */
export function busbar(bus: Bus, options: RequestScopeOptions = {}): KoaMiddleware {
  carryCorrelation(bus)
  return async (context, next) => {
    const { correlation, answerHeader } = requestScope(context.headers, options)
    const { correlationId } = correlation
    context.bus = bus
    context.set(answerHeader, correlationId)
    try {
      return await withCorrelation(correlation, next)
    } catch (thrown) {
      // Koa answers an error without the headers that were set, and with those of the error.
      if (thrown instanceof Error)
        Object.assign(thrown, { headers: { [answerHeader]: correlationId, ...headersOf(thrown) } })
      throw thrown
    }
  }
}

/**
 * `GET /health/live` and `GET /health/ready`: 200, or 503 with the reasons. Live is a process that a new one would not help;
 * ready is a bus that receives, with nothing red: see {@link Bus.health}.
 */
export function healthEndpoints(bus: Bus, options?: endpoint.HealthOptions): KoaMiddleware {
  return koaEndpoint(endpoint.healthEndpoint(bus, options))
}

/** `GET /metrics`: what a registry of prom-client has. */
export function metricsEndpoint(
  source: endpoint.MetricsSource,
  options?: endpoint.MetricsOptions,
): KoaMiddleware {
  return koaEndpoint(endpoint.scrapeEndpoint(source, options))
}

function headersOf(error: Error): object | undefined {
  return 'headers' in error && typeof error.headers === 'object' ? (error.headers ?? undefined) : undefined
}

function koaEndpoint(answer: endpoint.Endpoint): KoaMiddleware {
  return async (context, next) => {
    const answering = answer(context.method, context.path)
    if (!answering) return next()
    const { status, contentType, body } = await answering
    context.status = status
    context.set('content-type', contentType)
    context.set('cache-control', 'no-store')
    context.body = body
    return undefined
  }
}
