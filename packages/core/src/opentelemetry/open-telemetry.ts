import { ProxyTracerProvider, type TracerProvider, trace } from '@opentelemetry/api'
import type { Layer, Next } from '../compose.js'
import type { DeliveryContext, RecordContext } from '../context.js'
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
 * never an attribute. Without an SDK it does nothing.
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Middleware {
  const tracing: Tracing = {
    tracer: (options.tracerProvider ?? trace).getTracer('@busbar/core'),
    recordKeys: options.recordKeys ?? false,
    system: '',
    clientId: '',
  }
  let isTracing = options.tracerProvider !== undefined
  const traced =
    <C>(layer: (tracing: Tracing, context: C, next: Next) => Promise<void>): Layer<C> =>
    (context, next) => {
      isTracing ||= hasSdk()
      return isTracing ? layer(tracing, context, next) : next()
    }
  return {
    name: 'opentelemetry',
    observes: true,
    attach(bus) {
      if (tracing.system !== '')
        throw new BusbarError(
          'CONFIG_INVALID',
          `bus ${bus.name}: this openTelemetry() belongs to bus ${tracing.clientId}: make one for each bus`,
        )
      tracing.system = bus.transport
      tracing.clientId = bus.name
    },
    request: traced(traceRequest),
    publish: traced(tracePublish),
    attempt: traced((_, given: RecordContext, next) => {
      const context = given as DeliveryContext
      return (context.collector ? traceBatchedAttempt : traceAttempt)(tracing, context, next)
    }),
    batch: traced(traceBatch),
  }
}

/** Asked until there is one: programs register it early or late. */
function hasSdk(): boolean {
  const provider = trace.getTracerProvider()
  return (
    !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer('@busbar/core') !== undefined
  )
}
