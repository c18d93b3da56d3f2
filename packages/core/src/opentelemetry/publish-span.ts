import { type Context, context as otel, SpanKind, trace } from '@opentelemetry/api'
import type { Next } from '../compose.js'
import type { PublishContext } from '../context.js'
import { correlationHeader, currentCorrelation } from '../correlation.js'
import { attribute } from './attributes.js'
import { inject, removeTrace, traceIn, validSpan } from './propagation.js'
import { conversationOf, isTraced, operationAttributes, type Tracing, within } from './spans.js'
import { readTraceContext } from './trace-context.js'

const nameOf = { event: 'publish', request: 'send', reply: 'reply' } as const

/**
 * A span around a publish, whose context goes into the record's headers. A trace that the publisher has put there itself
 * stays; the span is linked to it.
 */
export function tracePublish(tracing: Tracing, publish: PublishContext, next: Next): Promise<void> {
  const { headers, topic, event, isSentNow } = publish
  const given = givenIn(headers)
  // A record to be sent later needs a trace of its own, and nothing else happens now.
  if (given && !isSentNow) return next()
  const parent = parentContext()
  const name = isSentNow ? nameOf[publish.kind] : 'create'
  const span = tracing.tracer.startSpan(
    `${name} ${topic}`,
    {
      kind: given ? SpanKind.CLIENT : SpanKind.PRODUCER,
      attributes: {
        ...operationAttributes(tracing, { name, type: isSentNow ? 'send' : 'create', topic, event }),
        [attribute.messageId]: publish.id,
        ...conversationOf(name => ownHeader(headers, name)),
      },
      links: given ? [{ context: given }] : [],
    },
    parent,
  )
  if (!isTraced(span)) return next()
  if (!given) removeTrace(headers)
  inject(given ?? span.spanContext(), parent, headers)
  return within(span, trace.setSpan(parent, span), next)
}

/** The trace that the publisher gave; what `correlation()` may have put there is none of that. */
function givenIn(headers: PublishContext['headers']) {
  const cause = currentCorrelation()?.trace?.traceparent
  return cause !== undefined && headers['traceparent'] === cause ? undefined : traceIn(headers)
}

/** The active span; where there is none, the trace of the HTTP request or event within which this runs. */
export function parentContext(): Context {
  const active = otel.active()
  if (validSpan(active)) return active
  const cause = currentCorrelation()?.trace
  const remote = cause && readTraceContext(cause)
  return remote ? trace.setSpanContext(active, remote) : active
}

/** What `correlation()` writes, wherever it stands. */
function ownHeader(headers: PublishContext['headers'], name: string): string | Uint8Array | undefined {
  return headers[name] ?? (name === correlationHeader ? currentCorrelation()?.correlationId : undefined)
}
