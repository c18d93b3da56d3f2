import { AsyncLocalStorage } from 'node:async_hooks'

/** What ties together everything that one first cause set off: an HTTP request, or an event. */
export interface Correlation {
  /** The same for everything that one first cause led to. */
  readonly correlationId: string
  /** The id of the event whose handler published; absent where no event was the cause. */
  readonly causationId?: string
  /** The trace that it is part of, as W3C Trace Context has it. */
  readonly trace?: TraceContext
}

/** Where records have it: an extension attribute of CloudEvents. */
export const correlationHeader = 'ce_correlationid'

/** The two headers of W3C Trace Context, as they came. */
export interface TraceContext {
  readonly traceparent: string
  readonly tracestate?: string
}

const current = new AsyncLocalStorage<Correlation | undefined>()

/**
 * Runs something within a correlation: what it publishes, through any `await`, carries it on, if the bus has the
 * middleware `correlation()`.
 */
export function withCorrelation<T>(correlation: Correlation | undefined, run: () => T): T {
  return current.run(correlation, run)
}

/** The correlation within which this code runs; undefined outside of any. */
export function currentCorrelation(): Correlation | undefined {
  return current.getStore()
}

/** The correlation id of a record as a field of a line in the log: whatever its bytes, and none where the record has none. */
export function correlationField(
  headers: Readonly<Record<string, string | Uint8Array | readonly Uint8Array[]>>,
): { readonly correlationId?: string } {
  const value = headers[correlationHeader]
  const last = Array.isArray(value) ? (value.at(-1) as Uint8Array | undefined) : value
  if (last === undefined) return {}
  return { correlationId: typeof last === 'string' ? last : Buffer.from(last as Uint8Array).toString() }
}
