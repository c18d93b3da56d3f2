import {
  type Attributes,
  type Context,
  type Link,
  context as otel,
  type Span,
  SpanKind,
  trace,
} from '@opentelemetry/api'
import type { Next } from '../compose.js'
import type { DeliveryContext } from '../context.js'
import { attribute } from './attributes.js'
import { traceForward } from './forward-span.js'
import { received, validSpan } from './propagation.js'
import { conversationOf, isTraced, operationAttributes, recordFailure, type Tracing } from './spans.js'

/**
 * A span for one attempt to decode and handle a record. It is a child of the publish: one trace shows everything that one
 * cause led to. It is linked to it as well, as the spans of batches are, which can't be children of all their records.
 */
export async function traceAttempt(tracing: Tracing, context: DeliveryContext, next: Next): Promise<void> {
  const creation = received(context.headers)
  const span = startProcess(tracing, context, creation)
  if (!isTraced(span)) return next()
  const inside = trace.setSpan(creation, span)
  context.addScope(run => otel.with(inside, run))
  try {
    await otel.with(inside, next)
    recordConclusion(span, context)
  } catch (thrown) {
    recordAttemptFailure(span, context, thrown)
    traceForward(tracing, context, creation)
    throw thrown
  } finally {
    span.end()
  }
}

/** Starts the span of one record. */
export function startProcess(
  tracing: Tracing,
  context: DeliveryContext,
  creation: Context,
  links: readonly Link[] = [],
): Span {
  const { topic, event } = context
  const created = validSpan(creation)
  return tracing.tracer.startSpan(
    `process ${topic}`,
    {
      kind: SpanKind.CONSUMER,
      attributes: {
        ...operationAttributes(tracing, { name: 'process', type: 'process', topic, event }),
        ...placeAttributes(context),
        ...messageAttributes(context),
        [attribute.attempt]: context.attempt,
        ...keyAttributes(tracing, context),
        ...conversationOf(name => context.headers.bytes(name)),
      },
      links: created ? [{ context: created }, ...links] : [...links],
    },
    creation,
  )
}

/** What one record of a span or a link is. */
export function messageAttributes({ id, offset }: { id: string; offset: number }): Attributes {
  return { [attribute.messageId]: id, [attribute.offset]: offset }
}

/** Where records are handled. */
export function placeAttributes(place: {
  readonly partition: number
  readonly group: string | false
  readonly subscription: string
}): Attributes {
  return {
    [attribute.partition]: String(place.partition),
    ...(place.group !== false && { [attribute.group]: place.group }),
    [attribute.subscription]: place.subscription,
  }
}

export function recordConclusion(span: Span, { conclusion, skipReason }: DeliveryContext): void {
  span.setAttribute(attribute.outcome, conclusion)
  if (skipReason) span.setAttribute(attribute.skipReason, skipReason)
}

/** A handler that fails because it was told to stop has not failed: its record comes again. */
export function recordAttemptFailure(span: Span, { ended }: DeliveryContext, thrown: unknown): void {
  span.setAttribute(attribute.outcome, ended ? 'handed back' : 'failed')
  if (!ended) recordFailure(span, thrown)
}

function keyAttributes({ recordKeys }: Tracing, context: DeliveryContext): Attributes {
  return recordKeys && context.key !== null ? { [attribute.key]: context.key } : {}
}
