import assert from 'node:assert/strict'
import { type Bus, correlation, createBus, defineEvent, withCorrelation } from '@busbar/core'
import { openTelemetry } from '@busbar/core/opentelemetry'
import { deadline, kafkaForTests, uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { suite } from 'uvu'

const test = suite('a trace through three services on Kafka')
const kafka = await kafkaForTests()
const traceId = '0af7651916cd43dd8448eb211c80319c'
const traceparent = `00-${traceId}-b7ad6b7169203331-01`

interface User {
  readonly id: string
}

if (kafka !== undefined) {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const service = (name: string, use: (bus: Bus, tracing: ReturnType<typeof openTelemetry>) => void) => {
    const exporter = new InMemorySpanExporter()
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    const bus = createBus({ name: uniqueName(name), transport: kafkaTransport(kafka) })
    use(bus, openTelemetry({ tracerProvider: provider }))
    const ids = () => exporter.getFinishedSpans().map(span => span.spanContext())
    return { bus, exporter, ids }
  }

  test('the traceparent of a request to accounts is the trace of the handler in stats', async () => {
    const UserCreated = defineEvent<User>(uniqueName('user.created'), { key: ({ id }) => id })
    const MailSent = defineEvent<User>(uniqueName('mail.sent'), { key: ({ id }) => id })
    const accounts = service('accounts', (bus, tracing) => bus.use(tracing, correlation()))
    const mailer = service('mailer', (bus, tracing) => bus.use(correlation(), tracing))
    const stats = service('stats', (bus, tracing) => bus.use(tracing))
    const headers: Record<string, Uint8Array | undefined>[] = []
    const seen = (record: { readonly headers: { bytes(name: string): Uint8Array | undefined } }) =>
      headers.push({
        traceparent: record.headers.bytes('traceparent'),
        tracestate: record.headers.bytes('tracestate'),
      })

    mailer.bus.subscribe(UserCreated, async (user, record) => {
      seen(record)
      await mailer.bus.publish(MailSent, user)
    })
    const inHandler = new Promise<string | undefined>(resolve =>
      stats.bus.subscribe(MailSent, (_, record) => {
        seen(record)
        resolve(trace.getActiveSpan()?.spanContext().traceId)
      }),
    )
    const buses = [accounts.bus, mailer.bus, stats.bus]
    try {
      await deadline(30_000, 'the start', Promise.all(buses.map(bus => bus.start())))
      const request = { correlationId: 'request-1', trace: { traceparent, tracestate: 'vendor=a,other=b' } }
      await withCorrelation(request, () => accounts.bus.publish(UserCreated, { id: '1' }))
      assert.equal(await deadline(20_000, 'the handler in stats', inHandler), traceId)
    } finally {
      await Promise.all(buses.map(bus => bus.close()))
    }

    const [published] = accounts.ids()
    const [mailed] = mailer.exporter.getFinishedSpans().filter(({ name }) => name.startsWith('publish'))
    const [counted] = stats.exporter.getFinishedSpans()
    assert.equal(counted?.spanContext().traceId, traceId)
    assert.equal(counted?.parentSpanContext?.spanId, mailed?.spanContext().spanId)
    assert.equal(counted?.attributes['messaging.system'], 'kafka')
    const bytes = (spanId = '') => ({
      traceparent: Buffer.from(`00-${traceId}-${spanId}-01`),
      tracestate: Buffer.from('vendor=a,other=b'),
    })
    assert.deepEqual(
      headers.map(each => ({
        traceparent: Buffer.from(each.traceparent ?? []),
        tracestate: Buffer.from(each.tracestate ?? []),
      })),
      [bytes(published?.spanId), bytes(mailed?.spanContext().spanId)],
    )
  })
}

test.run()
