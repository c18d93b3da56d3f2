import type { IncomingHttpHeaders } from 'node:http'
import type { Bus } from '../bus.js'
import type { Correlation, TraceContext } from '../correlation.js'
import { correlation } from '../middleware/correlation.js'
import { systemRuntime } from '../runtime.js'

export interface RequestScopeOptions {
  /**
   * Headers that may hold the correlation id of a request; the first that does is taken, and the answer has it in
   * the first of the list. Default: `x-correlation-id`, `x-request-id`.
   */
  readonly correlationHeaders?: readonly string[]
}

/** The correlation of an HTTP request, and where its answer says so. */
export interface RequestScope {
  readonly correlation: Correlation
  readonly answerHeader: string
}

const defaultHeaders: readonly string[] = ['x-correlation-id', 'x-request-id']

/** What a request says of the correlation and the trace that it is part of; its own, where it says nothing fit. */
export function requestScope(
  headers: IncomingHttpHeaders,
  { correlationHeaders = defaultHeaders }: RequestScopeOptions = {},
): RequestScope {
  const given = correlationHeaders.map(name => headers[name.toLowerCase()]).find(isFit)
  const correlationId = given ?? systemRuntime.uuid()
  const trace = traceOf(headers)
  return {
    correlation: trace ? { correlationId, trace } : { correlationId },
    answerHeader: correlationHeaders[0] ?? 'x-correlation-id',
  }
}

/** Makes sure that what is published in a request's scope carries it on. */
export function carryCorrelation(bus: Bus): void {
  if (bus.uses('correlation')) return
  if (bus.state === 'new') bus.use(correlation())
  else
    bus.logger.warn(
      { bus: bus.name },
      'what is published while a request is served does not carry its correlation and trace: make the adapter before the bus starts, or add correlation() with bus.use()',
    )
}

/** Whoever sent it may be anybody: it becomes a header of records, and a field of log lines. */
function isFit(id: string | string[] | undefined): id is string {
  return typeof id === 'string' && /^[\x21-\x7e]{1,128}$/.test(id)
}

/** W3C Trace Context, level 1: a version other than `00` may have more behind the flags; `ff` is none. */
const traceparentForm = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(-.*)?$/

function traceOf({ traceparent, tracestate }: IncomingHttpHeaders): TraceContext | undefined {
  if (typeof traceparent !== 'string' || traceparent.length > 256 || !traceparentForm.test(traceparent))
    return undefined
  if (traceparent.startsWith('00') && traceparent.length !== 55) return undefined
  const state = Array.isArray(tracestate) ? tracestate.join(',') : tracestate
  return state !== undefined && /^[\x20-\x7e]{1,512}$/.test(state)
    ? { traceparent, tracestate: state }
    : { traceparent }
}
