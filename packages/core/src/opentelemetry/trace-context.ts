import { createTraceState, isSpanContextValid, type SpanContext } from '@opentelemetry/api'
import type { TraceContext } from '../correlation.js'

const version00 = /^00-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/
/** Of a later version only what version 00 knows is read; version ff is none. */
const laterVersion = /^(?!00|ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-.*)?$/

/** What headers of W3C Trace Context say; undefined if that is no trace. */
export function readTraceContext({ traceparent, tracestate }: TraceContext): SpanContext | undefined {
  const [, traceId = '', spanId = '', flags = ''] =
    version00.exec(traceparent) ?? laterVersion.exec(traceparent) ?? []
  const read: SpanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
  if (!isSpanContextValid(read)) return undefined
  if (tracestate) read.traceState = createTraceState(tracestate)
  return read
}

/** A span's context as headers of W3C Trace Context. */
export function writeTraceContext({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceContext {
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
  const tracestate = traceState?.serialize()
  return tracestate ? { traceparent, tracestate } : { traceparent }
}
