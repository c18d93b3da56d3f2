/**
 * A request comes with a trace; what is published and asked while it is served, and what handlers in other services make of
 * it, are spans of that trace.
 */
import { createBus, defineEvent, defineRequest, retry, withCorrelation } from '@busbar/core'
import { openTelemetry } from '@busbar/core/opentelemetry'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { context, SpanKind, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { eventually } from './support/eventually.js'
import { printingLogger } from './support/printing-logger.js'

const exporter = new InMemorySpanExporter()
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
trace.setGlobalTracerProvider(
  new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
)

const UserCreated = defineEvent<{ id: string; email: string }>('user.created', { key: user => user.id })
const MailSent = defineEvent<{ to: string }>('mail.sent')
const GetTemplate = defineRequest<{ name: string }, string>('template.get')

const broker = memoryBroker()
const accounts = createBus({ name: 'accounts', transport: memoryTransport({ broker }) })
const mailer = createBus({ name: 'mailer', transport: memoryTransport({ broker }), logger: printingLogger })
const templates = createBus({ name: 'templates', transport: memoryTransport({ broker }) })
const stats = createBus({ name: 'stats', transport: memoryTransport({ broker }) })

accounts.use(openTelemetry())
mailer.use(openTelemetry())
templates.use(openTelemetry())
stats.use(openTelemetry())

mailer.subscribe(UserCreated, { use: [retry({ delayMs: 1 })] }, async ({ email }, { attempt }) => {
  await mailer.request(GetTemplate, { name: 'welcome' })
  if (attempt === 1) throw new Error('the mail server is down')
  await mailer.publish(MailSent, { to: email })
})
templates.reply(GetTemplate, ({ name }) => `Hello from ${name}`)
stats.subscribeBatch(MailSent, { maxSize: 10, maxWaitMs: 1 }, () => {})

await Promise.all([accounts, mailer, templates, stats].map(bus => bus.start()))

// What an HTTP adapter does where no instrumentation of HTTP has made a span.
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
await withCorrelation({ correlationId: 'request-1', trace: { traceparent } }, () =>
  accounts.publish(UserCreated, { id: '1', email: 'ada@example.com' }),
)

const spans = await eventually(
  () => exporter.getFinishedSpans(),
  all => all.length === 13,
)
await Promise.all([accounts, mailer, templates, stats].map(bus => bus.close()))

const batch = spans.find(span => span.attributes['messaging.batch.message_count'] === 1)
console.log('the trace of the request')
print(spans.filter(span => span.spanContext().traceId === traceparent.slice(3, 35)))
console.log('the trace of a batch')
print(spans.filter(span => span.spanContext().traceId === batch?.spanContext().traceId))
const linked = spans.find(span => span.spanContext().spanId === batch?.links[0]?.context.spanId)
console.log(`it is linked to: ${linked?.name}`)

/** Each span below its parent, in the order in which they began. */
function print(all: readonly ReadableSpan[], parent?: ReadableSpan, indent = '  '): void {
  const ids = new Set(all.map(span => span.spanContext().spanId))
  const children = all.filter(({ parentSpanContext: of }) =>
    parent ? of?.spanId === parent.spanContext().spanId : !of || !ids.has(of.spanId),
  )
  for (const span of children.sort((one, other) => startOf(one) - startOf(other))) {
    const { name, kind, attributes } = span
    const service = String(attributes['messaging.client.id']).padEnd(9)
    const failure = 'error.type' in attributes ? `, failed: ${String(attributes['error.type'])}` : ''
    console.log(`${service} ${indent}${name} (${SpanKind[kind]}${failure})`)
    print(all, span, `${indent}  `)
  }
}

function startOf({ startTime: [seconds, nanoseconds] }: ReadableSpan): number {
  return seconds * 1_000 + nanoseconds / 1_000_000
}
