import { type Bus, currentCorrelation, logging } from '@busbar/core'
import { openTelemetry } from '@busbar/core/opentelemetry'
import { metrics } from '@busbar/core/prometheus'
import { type Logger, pino } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { environment, type ServiceName } from './environment.js'
import { startTracing } from './tracing.js'

/** Lines of JSON. Those of one HTTP request have its correlation id, in whichever service they are written. */
export function createLogger(service: ServiceName): Logger {
  return pino({
    name: service,
    level: environment.logLevel,
    // Payloads are logged, addresses are not; Postgres quotes a row in the detail of an error.
    redact: ['payload.email', 'err.detail'],
    mixin: (_line, _level, logger) =>
      // The logger of a delivery has it already.
      'correlationId' in logger.bindings() ? {} : { correlationId: currentCorrelation()?.correlationId },
  })
}

/** Logs, measures and traces what a bus does; returns what `/metrics` shows. */
export function monitor(bus: Bus): Registry {
  const register = new Registry()
  collectDefaultMetrics({ register })
  if (environment.tracing) startTracing()
  bus.use(logging({ payload: true }), openTelemetry(), metrics(register))
  return register
}
