import type { FastifyInstance } from 'fastify'
import type { Bus } from '../bus.js'
import { withCorrelation } from '../correlation.js'
import { BusbarError } from '../error.js'
import * as endpoint from '../http/endpoints.js'
import { endKeptConnections } from '../http/kept-connections.js'
import { OrderlyEnd } from '../http/orderly-end.js'
import { carryCorrelation, type RequestScopeOptions, requestScope } from '../http/request-scope.js'
import { systemRuntime, type Timer } from '../runtime.js'
import { positive } from '../validate.js'

export type { HealthOptions, MetricsOptions, MetricsSource } from '../http/endpoints.js'
export type { RequestScopeOptions } from '../http/request-scope.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** The bus that the plugin `busbar` was given. */
    bus: Bus
  }
}

export interface BusbarPluginOptions extends RequestScopeOptions {
  readonly bus: Bus
  /** How long closing may take in all, in milliseconds. Default: 10,000. */
  readonly closeTimeoutMs?: number
}

/**
 * Gives the server its `fastify.bus`, starts the bus with it, and gives the correlation id and trace of each request to
 * whatever is published while it is served. The answer has the correlation id in `x-correlation-id`.
 *
 * When the server closes, the bus stops receiving and its handlers finish; then the server takes no more connections and
 * its requests finish, and may publish until then; last, the bus is closed. What takes longer than the time is cut off: records
 * are handed back, connections closed.
 */
export const busbar = plugin('busbar', async (app, options: BusbarPluginOptions) => {
  if (typeof options.bus?.drain !== 'function')
    throw new BusbarError(
      'CONFIG_INVALID',
      'busbar: option "bus" must be a bus, made by createBus: app.register(busbar, { bus })',
    )
  const { bus } = options
  const end = new OrderlyEnd(bus, positive('busbar.closeTimeoutMs', options.closeTimeoutMs ?? 10_000))
  carryCorrelation(bus)
  app.decorate('bus', bus)
  app.addHook('onRequest', (request, reply, done) => {
    const { correlation, answerHeader } = requestScope(request.headers, options)
    void reply.header(answerHeader, correlation.correlationId)
    withCorrelation(correlation, done)
  })
  endKeptConnections(app.server, () => bus.state !== 'running')
  app.addHook('onReady', () => bus.start())
  let cutOff: Timer | undefined
  app.addHook('preClose', async () => {
    await end.drain()
    cutOff = systemRuntime.setTimer(end.requestsMs, () => app.server.closeAllConnections())
  })
  app.addHook('onClose', () => {
    cutOff?.cancel()
    return end.finish()
  })
})

/**
 * `GET /health/live` and `GET /health/ready`: 200, or 503 with the reasons. Live is a process that a new one would not help;
 * ready is a bus that receives, with nothing red: see {@link Bus.health}. Register it behind {@link busbar}.
 */
export const healthEndpoints = plugin('busbar-health', async (app, options: endpoint.HealthOptions) => {
  const { path = '/health' } = options
  if (!app.hasDecorator('bus'))
    throw new BusbarError('CONFIG_INVALID', 'healthEndpoints: register the plugin busbar before it')
  const answer = endpoint.healthEndpoint(app.bus, options)
  route(app, `${path}/live`, answer)
  route(app, `${path}/ready`, answer)
})

export interface MetricsPluginOptions extends endpoint.MetricsOptions {
  /** For example a registry of prom-client. */
  readonly source: endpoint.MetricsSource
}

/** `GET /metrics`: what a registry of prom-client has. */
export const metricsEndpoint = plugin('busbar-metrics', async (app, options: MetricsPluginOptions) => {
  route(app, options.path ?? '/metrics', endpoint.scrapeEndpoint(options.source, options))
})

function route(app: FastifyInstance, path: string, answer: endpoint.Endpoint): void {
  app.get(path, async (_, reply) => {
    const answered = await answer('GET', path)
    if (!answered) return reply.callNotFound()
    return reply
      .code(answered.status)
      .header('content-type', answered.contentType)
      .header('cache-control', 'no-store')
      .send(answered.body)
  })
}

type Plugin<Options> = (app: FastifyInstance, options: Options) => Promise<void>

/** Marks a plugin as one of the whole server, as `fastify-plugin` does: what it adds is not kept to its own scope. */
function plugin<Options>(name: string, register: Plugin<Options>): Plugin<Options> {
  return Object.assign(register, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: name,
    [Symbol.for('plugin-meta')]: { name, fastify: '4.x || 5.x' },
  })
}
