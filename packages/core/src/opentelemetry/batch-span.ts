import { type Link, ROOT_CONTEXT, type SpanContext, SpanKind, trace } from '@opentelemetry/api'
import type { Next } from '../compose.js'
import type { BatchContext, DeliveryContext } from '../context.js'
import { createContextKey } from '../context-values.js'
import { attribute } from './attributes.js'
import { traceForward } from './forward-span.js'
import {
  messageAttributes,
  placeAttributes,
  recordAttemptFailure,
  recordConclusion,
  startProcess,
} from './process-span.js'
import { received, validSpan } from './propagation.js'
import { isTraced, operationAttributes, type Tracing, within } from './spans.js'

/** As many as an SDK keeps by default. */
const maxLinks = 128

/** The call of a handler that a record is in. */
interface BatchCall {
  readonly span: SpanContext
  /** What the handler threw: a failure of the call, not of each record. */
  failure: { readonly thrown: unknown } | undefined
}

const batchCall = createContextKey<BatchCall | undefined>('opentelemetry.batch', undefined)

/** A span around one call of a batch's handler: a trace of its own, linked to the publishes of its records. */
export async function traceBatch(tracing: Tracing, batch: BatchContext, next: Next): Promise<void> {
  const { topic, event, records } = batch
  const span = tracing.tracer.startSpan(
    `process ${topic}`,
    {
      kind: SpanKind.CONSUMER,
      attributes: {
        ...operationAttributes(tracing, { name: 'process', type: 'process', topic, event }),
        ...placeAttributes(batch),
        [attribute.batchSize]: records.length,
      },
      links: linksTo(records),
    },
    ROOT_CONTEXT,
  )
  if (!isTraced(span)) return next()
  const call: BatchCall = { span: span.spanContext(), failure: undefined }
  for (const { values } of records) values.set(batchCall, call)
  try {
    await within(span, trace.setSpan(ROOT_CONTEXT, span), next)
  } catch (thrown) {
    call.failure = { thrown }
    throw thrown
  }
}

/**
 * A record of a batch has a span of its own only where it has an end of its own: it can't be decoded, is skipped, or was
 * failed alone by the handler.
 */
export async function traceBatchedAttempt(
  tracing: Tracing,
  context: DeliveryContext,
  next: Next,
): Promise<void> {
  try {
    await next()
  } catch (thrown) {
    const call = context.values.get(batchCall)
    const isOfCall = call?.failure !== undefined && call.failure.thrown === thrown
    if (!isOfCall) endAlone(tracing, context, call, { thrown })
    traceForward(tracing, context, received(context.headers))
    throw thrown
  }
  if (context.conclusion === 'skipped') endAlone(tracing, context, undefined)
}

function endAlone(
  tracing: Tracing,
  context: DeliveryContext,
  call: BatchCall | undefined,
  failure?: { readonly thrown: unknown },
): void {
  const links = call ? [{ context: call.span }] : []
  const span = startProcess(tracing, context, received(context.headers), links)
  if (failure) recordAttemptFailure(span, context, failure.thrown)
  else recordConclusion(span, context)
  span.end()
}

function linksTo(records: BatchContext['records']): Link[] {
  return records.slice(0, maxLinks).flatMap(record => {
    const context = validSpan(received(record.headers))
    return context ? [{ context, attributes: messageAttributes(record) }] : []
  })
}
