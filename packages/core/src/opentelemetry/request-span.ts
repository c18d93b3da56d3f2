import { type Span, SpanKind, trace } from '@opentelemetry/api'
import type { Next } from '../compose.js'
import type { RequestContext } from '../context.js'
import type { ManyReplies } from '../many-replies.js'
import { attribute } from './attributes.js'
import { parentContext } from './publish-span.js'
import { isTraced, operationAttributes, recordFailure, type Tracing, within } from './spans.js'

/** A span around a request's round trip: sending it is inside, and an error that it is answered with is its own. */
export function traceRequest(
  tracing: Tracing,
  { event, topic, many }: RequestContext,
  next: Next,
): Promise<void> {
  const parent = parentContext()
  const span = tracing.tracer.startSpan(
    `request ${topic}`,
    {
      kind: SpanKind.CLIENT,
      attributes: operationAttributes(tracing, { name: 'request', topic, event }),
    },
    parent,
  )
  if (!isTraced(span)) return next()
  return within(span, trace.setSpan(parent, span), many ? () => counted(span, many, next) : next)
}

/** What several responders answered; that it was not what was asked for is no error of the call, but one of the span. */
async function counted(span: Span, many: ManyReplies, next: Next): Promise<void> {
  try {
    await next()
    if (many.failure) recordFailure(span, many.failure)
  } finally {
    span.setAttribute(attribute.replies, many.received)
    span.setAttribute(attribute.failedReplies, many.failed)
  }
}
