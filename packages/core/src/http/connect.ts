import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Bus } from '../bus.js'
import { withCorrelation } from '../correlation.js'
import {
  type Endpoint,
  type HealthOptions,
  healthEndpoint,
  type MetricsOptions,
  type MetricsSource,
  scrapeEndpoint,
} from './endpoints.js'
import { carryCorrelation, type RequestScopeOptions, requestScope } from './request-scope.js'

/** A middleware of Connect's form, which Express and plain Node servers take. */
export type ConnectMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * Gives each request its `req.bus`, and its correlation id and trace to whatever is published while it is served. Add it
 * before the routes, and before the bus starts. The answer has the correlation id in `x-correlation-id`.
 */
export function busbar(bus: Bus, options: RequestScopeOptions = {}): ConnectMiddleware {
  carryCorrelation(bus)
  return (request, response, next) => {
    const { correlation, answerHeader } = requestScope(request.headers, options)
    Object.assign(request, { bus })
    response.setHeader(answerHeader, correlation.correlationId)
    withCorrelation(correlation, next)
  }
}

/**
 * `GET /health/live` and `GET /health/ready`: 200, or 503 with the reasons. Live is a process that a new one would not help;
 * ready is a bus that receives, with nothing red: see {@link Bus.health}.
 */
export function healthEndpoints(bus: Bus, options?: HealthOptions): ConnectMiddleware {
  return answering(healthEndpoint(bus, options))
}

/** `GET /metrics`: what a registry of prom-client has. */
export function metricsEndpoint(source: MetricsSource, options?: MetricsOptions): ConnectMiddleware {
  return answering(scrapeEndpoint(source, options))
}

function answering(endpoint: Endpoint): ConnectMiddleware {
  return (request, response, next) => {
    const answer = endpoint(request.method, pathOf(request.url))
    if (!answer) return next()
    answer.then(({ status, contentType, body }) => {
      response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' })
      response.end(request.method === 'HEAD' ? undefined : body)
    }, next)
  }
}

function pathOf(url = '/'): string {
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}
