export { busbar, type ConnectMiddleware, healthEndpoints, metricsEndpoint } from './connect.js'
export type { HealthOptions, MetricsOptions, MetricsSource } from './endpoints.js'
export { type HttpService, type ListenOptions, listen } from './listen.js'
export type { RequestScopeOptions } from './request-scope.js'
