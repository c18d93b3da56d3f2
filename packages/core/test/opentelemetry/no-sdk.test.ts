import {
  correlation,
  defineEvent,
  defineRequest,
  type Middleware,
  retry,
  withCorrelation,
} from '@busbar/core'
import { openTelemetry } from '@busbar/core/opentelemetry'
import { trace as tracer } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { headerOf, Thing, until, world } from '../support/failure-world.js'
import { headerIn } from './traced-world.js'

const test = suite('tracing without an SDK')
const Next = defineEvent<Thing>('next')
const Ask = defineRequest<Thing, string>('ask')
const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=1' }

test('nothing breaks and no header is added', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  bus.use(openTelemetry())
  bus.subscribe(Thing, { use: [retry({ attempts: 1 })] }, ({ id }) => {
    if (id === 'bad') throw new Error('no')
  })
  bus.subscribeBatch(Next, { maxSize: 2, use: [retry({ attempts: 1 })] }, batch =>
    batch[1]?.fail(new Error('no')),
  )
  bus.reply(Ask, ({ id }) => `${id}!`)
  await bus.start()
  await bus.publish(Thing, { id: 'good' })
  await bus.publish(Thing, { id: 'bad' })
  await bus.publishBatch(Next, [{ id: 'a' }, { id: 'b' }])
  assert.is(await bus.request(Ask, { id: 'a' }), 'a!')
  await w.advanceUntil(() => reports.length === 5, 'all')
  assert.equal(reports.map(({ outcome }) => outcome).toSorted(), [
    'dead-lettered',
    'dead-lettered',
    'done',
    'done',
    'done',
  ])
  for (const topic of ['things', 'next', 'ask'])
    for (const record of w.records(topic)) assert.is(headerOf(record, 'traceparent'), undefined)
})

const orders: Record<string, () => Middleware[]> = {
  outside: () => [openTelemetry(), correlation()],
  inside: () => [correlation(), openTelemetry()],
}

for (const [order, middleware] of Object.entries(orders)) {
  test(`the trace of a request is passed on as it came, ${order} of correlation`, async () => {
    await using w = world()
    const { bus, reports } = w.service()
    bus.use(...middleware())
    bus.subscribe(Thing, thing => bus.publish(Next, thing))
    await bus.start()
    await withCorrelation({ correlationId: 'r', trace }, () => bus.publish(Thing, { id: 'a' }))
    await until(() => reports.length === 1, 'handled')
    for (const topic of ['things', 'next']) {
      assert.is(headerIn(w, topic, 'traceparent'), trace.traceparent)
      assert.is(headerIn(w, topic, 'tracestate'), trace.tracestate)
    }
  })
}

test('an SDK that is registered later is found', async () => {
  const exporter = new InMemorySpanExporter()
  await using w = world()
  const { bus } = w.service()
  bus.use(openTelemetry())
  await bus.start()
  await bus.publish(Thing, { id: 'before' })
  tracer.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  )
  try {
    await bus.publish(Thing, { id: 'after' })
    assert.equal(
      exporter.getFinishedSpans().map(({ name }) => name),
      ['publish things'],
    )
  } finally {
    tracer.disable()
  }
})

test.run()
