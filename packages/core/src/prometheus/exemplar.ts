import type { Labels } from './series.js'

/** A span of a trace, as an exemplar points to it. */
export interface ExemplarSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
}

export const noExemplar: Labels = {}

/** The exemplar of a span; none of what is no span, since a register refuses long ones. */
export function exemplarLabels({ traceId, spanId }: ExemplarSpan): Labels {
  const isSpan = /^[\da-f]{32}$/i.test(traceId) && /^[\da-f]{16}$/i.test(spanId)
  return isSpan ? { trace_id: traceId, span_id: spanId } : noExemplar
}

/** The exemplar of a W3C `traceparent`; none of one that nobody keeps, which would lead nowhere, nor of other text. */
export function exemplarOf(traceparent: string | undefined): Labels {
  const [, traceId = '', spanId = '', flags = ''] = traceparentForm.exec(traceparent ?? '') ?? []
  const isSampled = (Number.parseInt(flags, 16) & 1) === 1
  return isSampled ? exemplarLabels({ traceId, spanId }) : noExemplar
}

const traceparentForm = /^[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:-|$)/
