import { SpanKind, trace } from '@opentelemetry/api'
import type { Next } from '../compose.js'
import type { RequestContext } from '../context.js'
import { parentContext } from './publish-span.js'
import { isTraced, operationAttributes, type Tracing, within } from './spans.js'

/** A span around a request's round trip: sending it is inside, and an error that it is answered with is its own. */
export function traceRequest(tracing: Tracing, { event, topic }: RequestContext, next: Next): Promise<void> {
  const parent = parentContext()
  const span = tracing.tracer.startSpan(
    `request ${topic}`,
    {
      kind: SpanKind.CLIENT,
      attributes: operationAttributes(tracing, { name: 'request', topic, event }),
    },
    parent,
  )
  return isTraced(span) ? within(span, trace.setSpan(parent, span), next) : next()
}
