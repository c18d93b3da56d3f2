import { type Context, SpanKind, trace } from '@opentelemetry/api'
import type { DeliveryContext } from '../context.js'
import { createContextKey } from '../context-values.js'
import { attribute } from './attributes.js'
import { validSpan } from './propagation.js'
import { operationAttributes, type Tracing, within } from './spans.js'

const isForwardTraced = createContextKey('opentelemetry.forward', false)

/**
 * From its first failure on, a span around what moves a record to a retry or dead-letter topic. The record keeps the trace
 * that it was published with, and the span is linked to it.
 */
export function traceForward(tracing: Tracing, context: DeliveryContext, creation: Context): void {
  if (context.values.get(isForwardTraced)) return
  context.values.set(isForwardTraced, true)
  const { forward, event, id } = context
  const created = validSpan(creation)
  context.forward = (topic, record) => {
    const span = tracing.tracer.startSpan(
      `send ${topic.name}`,
      {
        kind: SpanKind.CLIENT,
        attributes: {
          ...operationAttributes(tracing, { name: 'send', type: 'send', topic: topic.name, event }),
          [attribute.messageId]: id,
        },
        links: created ? [{ context: created }] : [],
      },
      creation,
    )
    return within(span, trace.setSpan(creation, span), () => forward(topic, record))
  }
}
