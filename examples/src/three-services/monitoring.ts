import { type Bus, currentCorrelation, logging } from '@busbar/core'
import { type Logger, pino } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { environment, type ServiceName } from './environment.js'

/** Lines of JSON. Those of one HTTP request have its correlation id, in whichever service they are written. */
export function createLogger(service: ServiceName): Logger {
  return pino({
    name: service,
    level: environment.logLevel,
    // Payloads are logged, addresses are not; Postgres quotes a row in the detail of an error.
    redact: ['payload.email', 'err.detail'],
    mixin: () => ({ correlationId: currentCorrelation()?.correlationId }),
  })
}

/** Logs and measures what a bus does; resolves with what `/metrics` shows. */
export function monitor(bus: Bus): Registry {
  const register = new Registry()
  collectDefaultMetrics({ register })
  bus.use(logging({ payload: true }))
  return register
}
