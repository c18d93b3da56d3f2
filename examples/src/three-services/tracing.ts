import { context, SpanKind, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base'

/** Writes a line of JSON for each span. In production an exporter of OTLP stands in its place. */
const lineExporter: SpanExporter = {
  export(spans, done) {
    for (const span of spans) process.stdout.write(`${JSON.stringify(lineOf(span))}\n`)
    done({ code: 0 })
  },
  shutdown: async () => {},
}

/** Registers what spans go to; without it `openTelemetry()` does nothing. */
export function startTracing(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(lineExporter)] }),
  )
}

function lineOf(span: ReadableSpan): object {
  const { traceId, spanId } = span.spanContext()
  return {
    span: span.name,
    kind: SpanKind[span.kind],
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    attributes: span.attributes,
  }
}
