import type { DeliveryContext } from '../context.js'
import { createContextKey } from '../context-values.js'
import {
  type Correlation,
  correlationHeader,
  currentCorrelation,
  type TraceContext,
  withCorrelation,
} from '../correlation.js'
import { type MessageHeaders, textIn } from '../headers.js'
import type { Middleware } from '../middleware.js'

/** CloudEvents extension attributes of the correlation extension, and the headers of W3C Trace Context. */
const header = {
  correlation: correlationHeader,
  causation: 'ce_causationid',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
} as const

/** Where handlers and middleware find the correlation of what they handle. */
export const correlationOf = createContextKey<Correlation | undefined>('correlation', undefined)

/**
 * Carries correlation and causation ids, and the trace context, from each event to whatever its handler publishes, and
 * from an HTTP request to what is published while it is served, through any `await`. Add it to the bus; without it nothing
 * is tracked and nothing is paid.
 */
export function correlation(): Middleware {
  return {
    name: 'correlation',
    observes: true,
    publish(context, next) {
      const cause = currentCorrelation()
      if (cause) {
        const { headers } = context
        headers[header.correlation] = cause.correlationId
        if (cause.causationId !== undefined) headers[header.causation] = cause.causationId
        // Whoever writes spans has put the present one there, and so has a publisher who gave one.
        if (cause.trace && headers[header.traceparent] === undefined) Object.assign(headers, cause.trace)
      }
      return next()
    },
    attempt(given, next) {
      const context = given as DeliveryContext
      const trace = traceOf(context.headers)
      const cause: Correlation = {
        correlationId: textIn(context.headers, header.correlation) ?? context.id,
        causationId: context.id,
        ...(trace && { trace }),
      }
      context.values.set(correlationOf, cause)
      // What a batch handler publishes is caused by no record in particular.
      const inside = context.collector ? undefined : cause
      context.addScope(run => withCorrelation(inside, run))
      return withCorrelation(inside, next)
    },
  }
}

function traceOf(headers: MessageHeaders): TraceContext | undefined {
  const traceparent = textIn(headers, header.traceparent)
  if (traceparent === undefined) return undefined
  const tracestate = textIn(headers, header.tracestate)
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate }
}
