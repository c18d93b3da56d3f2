import type { Bus } from '../bus.js'

export {
  busbar,
  type ConnectMiddleware,
  type HealthOptions,
  type HttpService,
  healthEndpoints,
  type ListenOptions,
  listen,
  type MetricsOptions,
  type MetricsSource,
  metricsEndpoint,
  type RequestScopeOptions,
} from '../http/index.js'

declare global {
  namespace Express {
    interface Request {
      /** The bus that the middleware `busbar(bus)` was given. */
      bus: Bus
    }
  }
}
