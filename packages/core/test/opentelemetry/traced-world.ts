import type { BusOptions } from '@busbar/core'
import { type OpenTelemetryOptions, openTelemetry } from '@busbar/core/opentelemetry'
import { context, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { headerOf, type Service, type World, world } from '../support/failure-world.js'

export interface TracedWorld extends World {
  /** A bus with `openTelemetry()` outermost. */
  traced(name: string, options?: OpenTelemetryOptions & Partial<BusOptions>): Service
  /** The middleware alone, for a bus that has others before it. */
  tracing(options?: OpenTelemetryOptions): ReturnType<typeof openTelemetry>
  readonly provider: BasicTracerProvider
  /** What has ended, in that order. */
  spans(): ReadableSpan[]
  /** The only span of this name. */
  span(name: string): ReadableSpan
  /** A line for each span, below its parent: its bus, name and kind, and how it failed. */
  tree(): string[]
}

/** A world whose spans are kept; the context manager is global. */
export function tracedWorld(sampler?: Sampler): TracedWorld {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    ...(sampler && { sampler }),
  })
  const tracing = (options: OpenTelemetryOptions = {}) =>
    openTelemetry({ tracerProvider: provider, ...options })
  const spans = () => exporter.getFinishedSpans()
  const base = world()
  return Object.assign(base, {
    provider,
    tracing,
    spans,
    traced: (
      name: string,
      { recordKeys = false, ...options }: OpenTelemetryOptions & Partial<BusOptions> = {},
    ) => {
      const service = base.service({ name, ...options })
      service.bus.use(tracing({ recordKeys }))
      return service
    },
    span: (name: string) => {
      const found = spans().filter(span => span.name === name)
      if (found.length !== 1) throw new Error(`${found.length} spans are called ${name}`)
      return found[0] as ReadableSpan
    },
    tree: () => treeOf(spans()),
  })
}

function treeOf(spans: readonly ReadableSpan[]): string[] {
  const ids = new Set(spans.map(span => span.spanContext().spanId))
  const lines = (parent: string | undefined, depth: number): string[] =>
    spans
      .filter(({ parentSpanContext: of }) =>
        parent === undefined ? !of || !ids.has(of.spanId) : of?.spanId === parent,
      )
      // In the order in which they began: they end from the inside to the outside.
      .toSorted(
        (one, other) => one.startTime[0] - other.startTime[0] || one.startTime[1] - other.startTime[1],
      )
      .flatMap(span => [
        `${'  '.repeat(depth)}${span.attributes['messaging.client.id']}: ${lineOf(span)}`,
        ...lines(span.spanContext().spanId, depth + 1),
      ])
  return lines(undefined, 0)
}

function lineOf({ name, kind, status, attributes }: ReadableSpan): string {
  const failed = status.code === SpanStatusCode.ERROR ? ` ${attributes['error.type']}` : ''
  return `${name} ${SpanKind[kind]}${failed}`
}

/** A header of the only record of a topic. */
export function headerIn(w: World, topic: string, name: string): string | undefined {
  const [record, ...others] = w.records(topic)
  if (!record || others.length > 0) throw new Error(`${topic} has not just one record`)
  return headerOf(record, name)
}
