import { type TracerProvider, trace } from '@opentelemetry/api'
import type { DeliveryContext } from '../context.js'
import { BusbarError } from '../error.js'
import type { Middleware } from '../middleware.js'
import { traceBatch, traceBatchedAttempt } from './batch-span.js'
import { traceAttempt } from './process-span.js'
import { tracePublish } from './publish-span.js'
import { traceRequest } from './request-span.js'
import type { Tracing } from './spans.js'

export interface OpenTelemetryOptions {
  /** Whose spans they are. Default: the provider that was registered globally, also if that is done later. */
  readonly tracerProvider?: TracerProvider
  /** Whether the key of a record is an attribute of its span: keys are data of your users. Default: false. */
  readonly recordKeys?: boolean
}

/**
 * Spans of what is published, requested and handled, by the semantic conventions for messaging; the trace travels in the
 * headers of the records. For `bus.use`, one for each bus; where it stands among others makes no difference. Payloads are
 * never an attribute. Without an SDK nothing is traced.
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Middleware {
  const tracing: Tracing = {
    tracer: (options.tracerProvider ?? trace).getTracer('@busbar/core'),
    recordKeys: options.recordKeys ?? false,
    system: '',
    clientId: '',
  }
  return {
    name: 'opentelemetry',
    attach(bus) {
      if (tracing.system !== '')
        throw new BusbarError(
          'CONFIG_INVALID',
          `bus ${bus.name}: this openTelemetry() belongs to bus ${tracing.clientId}: make one for each bus`,
        )
      tracing.system = bus.transport
      tracing.clientId = bus.name
    },
    request: (context, next) => traceRequest(tracing, context, next),
    publish: (context, next) => tracePublish(tracing, context, next),
    attempt(given, next) {
      const context = given as DeliveryContext
      return context.collector
        ? traceBatchedAttempt(tracing, context, next)
        : traceAttempt(tracing, context, next)
    },
    batch: (context, next) => traceBatch(tracing, context, next),
  }
}
