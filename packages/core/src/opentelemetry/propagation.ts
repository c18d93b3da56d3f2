import {
  type Context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  trace,
} from '@opentelemetry/api'
import type { MessageHeaders } from '../headers.js'
import { readTraceContext, writeTraceContext } from './trace-context.js'

type OutgoingHeaders = Record<string, string | Uint8Array>

/** What a received record says of its trace, and its baggage: nothing of the context that happens to be active. */
export function received(headers: MessageHeaders): Context {
  return propagator().extract(ROOT_CONTEXT, headers, incoming)
}

/** The trace that headers of a record to be sent name already. */
export function traceIn(headers: OutgoingHeaders): SpanContext | undefined {
  return validSpan(propagator().extract(ROOT_CONTEXT, headers, outgoing))
}

/** Writes a trace, and the baggage of a context, into headers; a header that is there stays. */
export function inject(creation: SpanContext, active: Context, headers: OutgoingHeaders): void {
  propagator().inject(trace.setSpanContext(active, creation), headers, added)
}

/** Removes what names a trace, or fails to. */
export function removeTrace(headers: OutgoingHeaders): void {
  for (const name of ['traceparent', 'tracestate', ...propagation.fields()])
    if (name !== 'baggage') delete headers[name]
}

/** The context of a context's span, if it belongs to a trace. */
export function validSpan(context: Context): SpanContext | undefined {
  const found = trace.getSpanContext(context)
  return found && isSpanContextValid(found) ? found : undefined
}

/** The one that was set globally; where none was, that of the headers which Busbar's records have anyway. */
function propagator(): Pick<TextMapPropagator, 'inject' | 'extract'> {
  return propagation.fields().length > 0 ? propagation : w3c
}

const w3c: Pick<TextMapPropagator, 'inject' | 'extract'> = {
  inject: (context, carrier, setter) => {
    const span = validSpan(context)
    if (!span) return
    const { traceparent, tracestate } = writeTraceContext(span)
    setter.set(carrier, 'traceparent', traceparent)
    if (tracestate !== undefined) setter.set(carrier, 'tracestate', tracestate)
  },
  extract: (context, carrier, getter) => {
    const text = (name: string) => {
      const found = getter.get(carrier, name)
      return Array.isArray(found) ? found.at(-1) : found
    }
    const traceparent = text('traceparent')
    if (!traceparent) return context
    const tracestate = text('tracestate')
    const span = readTraceContext(tracestate ? { traceparent, tracestate } : { traceparent })
    return span ? trace.setSpanContext(context, span) : context
  },
}

const textOf = (value: string | Uint8Array | undefined): string | undefined =>
  value instanceof Uint8Array ? Buffer.from(value).toString() : value

const incoming: TextMapGetter<MessageHeaders> = {
  get: (headers, name) => textOf(headers.bytes(name)),
  keys: headers => [...headers].map(([name]) => name),
}

const outgoing: TextMapGetter<OutgoingHeaders> = {
  get: (headers, name) => (Object.hasOwn(headers, name) ? textOf(headers[name]) : undefined),
  keys: headers => Object.keys(headers),
}

const added: TextMapSetter<OutgoingHeaders> = {
  set: (headers, name, value) => {
    if (!Object.hasOwn(headers, name)) headers[name] = value
  },
}
