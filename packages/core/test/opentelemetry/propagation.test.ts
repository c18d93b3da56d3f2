import { correlation, defineEvent, type Middleware, withCorrelation } from '@busbar/core'
import {
  type Context,
  context,
  propagation,
  SpanKind,
  type TextMapGetter,
  type TextMapSetter,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { AlwaysOnSampler, ParentBasedSampler } from '@opentelemetry/sdk-trace-base'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Thing, until } from '../support/failure-world.js'
import { headerIn, type TracedWorld, tracedWorld } from './traced-world.js'

const test = suite('the context in the headers')
const Next = defineEvent<Thing>('next')
const traceId = '0af7651916cd43dd8448eb211c80319c'
const parentId = 'b7ad6b7169203331'
const traceparent = `00-${traceId}-${parentId}-01`
const request = { correlationId: 'request-1', trace: { traceparent, tracestate: 'vendor=1,other=2' } }

const orders: Record<string, (w: TracedWorld) => Middleware[]> = {
  alone: w => [w.tracing()],
  'outside of correlation': w => [w.tracing(), correlation()],
  'inside of correlation': w => [correlation(), w.tracing()],
}

for (const [order, middleware] of Object.entries(orders)) {
  test(`goes on with the trace of an HTTP request where no span is active: ${order}`, async () => {
    await using w = tracedWorld()
    const { bus } = w.service()
    bus.use(...middleware(w))
    bus.subscribe(Thing, thing => bus.publish(Next, thing))
    await bus.start()
    await withCorrelation(request, () => bus.publish(Thing, { id: 'a' }))
    await until(() => w.spans().length === 3, 'all spans')
    assert.equal(w.tree(), [
      'service: publish things PRODUCER',
      '  service: process things CONSUMER',
      '    service: publish next PRODUCER',
    ])
    const publish = w.span('publish things')
    assert.equal(publish.parentSpanContext?.traceId, traceId)
    assert.equal(publish.parentSpanContext?.spanId, parentId)
    for (const name of ['things', 'next']) {
      const { spanId } = w.span(`publish ${name}`).spanContext()
      assert.is(headerIn(w, name, 'traceparent'), `00-${traceId}-${spanId}-01`)
      assert.is(headerIn(w, name, 'tracestate'), 'vendor=1,other=2')
    }
    if (order === 'alone') return
    for (const { attributes } of w.spans())
      assert.is(attributes['messaging.message.conversation_id'], request.correlationId)
  })

  test(`an active span comes before the trace of the request: ${order}`, async () => {
    await using w = tracedWorld()
    const { bus } = w.service()
    bus.use(...middleware(w))
    await bus.start()
    await withCorrelation(request, () =>
      w.provider.getTracer('test').startActiveSpan('http', async span => {
        await bus.publish(Thing, { id: 'a' })
        span.end()
      }),
    )
    const { spanId, traceId } = w.span('publish things').spanContext()
    assert.is(w.span('publish things').parentSpanContext?.spanId, w.span('http').spanContext().spanId)
    assert.is(headerIn(w, 'things', 'traceparent'), `00-${traceId}-${spanId}-01`)
    // That of the other trace would be a lie.
    assert.is(headerIn(w, 'things', 'tracestate'), undefined)
  })

  test(`a trace that the publisher gave stays, and is linked to: ${order}`, async () => {
    await using w = tracedWorld()
    const { bus } = w.service()
    bus.use(...middleware(w))
    bus.subscribe(Thing, () => {})
    await bus.start()
    await withCorrelation(
      { correlationId: 'other', trace: { traceparent: traceparent.replace('0af', '0ae') } },
      () =>
        bus.publish(Thing, { id: 'a' }, { headers: { traceparent: new TextEncoder().encode(traceparent) } }),
    )
    await until(() => w.spans().length === 2, 'both spans')
    assert.is(headerIn(w, 'things', 'traceparent'), traceparent)
    const publish = w.span('publish things')
    assert.is(publish.kind, SpanKind.CLIENT)
    assert.equal(
      publish.links.map(link => link.context.spanId),
      [parentId],
    )
    assert.is(w.span('process things').parentSpanContext?.spanId, parentId)
  })

  test(`an unsampled request leads to no span, and says so on: ${order}`, async () => {
    await using w = tracedWorld(new ParentBasedSampler({ root: new AlwaysOnSampler() }))
    const { bus, reports } = w.service()
    bus.use(...middleware(w))
    bus.subscribe(Thing, thing => bus.publish(Next, thing))
    await bus.start()
    const unsampled = { correlationId: 'r', trace: { traceparent: traceparent.replace(/01$/, '00') } }
    await withCorrelation(unsampled, () => bus.publish(Thing, { id: 'a' }))
    await until(() => reports.length === 1, 'handled')
    assert.is(w.spans().length, 0)
    for (const topic of ['things', 'next'])
      assert.match(headerIn(w, topic, 'traceparent') ?? '', new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`))
  })
}

test('what is no trace is no parent', async () => {
  for (const bad of [
    '',
    'nonsense',
    `ff-${traceId}-${parentId}-01`,
    `00-${'0'.repeat(32)}-${parentId}-01`,
    `${traceparent}-more`,
  ]) {
    await using w = tracedWorld()
    const { bus, transport } = w.traced('service')
    bus.subscribe(Thing, () => {})
    await bus.start()
    const record = await bus.encode(Thing, { id: 'a' })
    await transport.send([{ ...record, headers: { ...record.headers, traceparent: bad } }])
    await withCorrelation({ correlationId: 'r', trace: { traceparent: bad } }, () =>
      bus.publish(Thing, { id: 'b' }),
    )
    await until(() => w.spans().length === 4, 'all')
    const roots = w.spans().filter(({ parentSpanContext }) => parentSpanContext === undefined)
    assert.is(roots.length, 3, bad)
  }
})

test('of a later version what is known is read', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('service')
  await bus.start()
  await withCorrelation(
    { correlationId: 'r', trace: { traceparent: `01-${traceId}-${parentId}-03-more` } },
    () => bus.publish(Thing, { id: 'b' }),
  )
  assert.is(w.span('publish things').parentSpanContext?.spanId, parentId)
})

/** One header, as B3 has it, and baggage in another. */
const single = {
  inject: (from: Context, carrier: unknown, setter: TextMapSetter) => {
    const span = trace.getSpanContext(from)
    if (span) setter.set(carrier, 'b3', `${span.traceId}-${span.spanId}-1`)
    const tenant = propagation.getBaggage(from)?.getEntry('tenant')
    if (tenant) setter.set(carrier, 'baggage', tenant.value)
  },
  extract: (into: Context, carrier: unknown, getter: TextMapGetter) => {
    const tenant = getter.get(carrier, 'baggage')
    const kept = tenant
      ? propagation.setBaggage(into, propagation.createBaggage({ tenant: { value: String(tenant) } }))
      : into
    const [traceId, spanId] = String(getter.get(carrier, 'b3') ?? '').split('-')
    if (!traceId || !spanId) return kept
    return trace.setSpanContext(kept, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true })
  },
  fields: () => ['b3', 'baggage'],
}

test('the propagator that was set globally is used, with its baggage', async () => {
  propagation.setGlobalPropagator(single)
  try {
    await using w = tracedWorld()
    const { bus } = w.traced('service')
    let tenant: string | undefined
    bus.subscribe(Thing, () => {
      tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value
    })
    await bus.start()
    const baggage = propagation.createBaggage({ tenant: { value: 'north' } })
    await context.with(propagation.setBaggage(context.active(), baggage), () =>
      bus.publish(Thing, { id: 'a' }),
    )
    await until(() => w.spans().length === 2, 'both spans')
    assert.equal(w.tree(), ['service: publish things PRODUCER', '  service: process things CONSUMER'])
    assert.is(tenant, 'north')
    const { traceId, spanId } = w.span('publish things').spanContext()
    assert.is(headerIn(w, 'things', 'b3'), `${traceId}-${spanId}-1`)
    assert.is(headerIn(w, 'things', 'traceparent'), undefined)
    // A publisher's own baggage stays.
    await context.with(propagation.setBaggage(context.active(), baggage), () =>
      bus.publish(Next, { id: 'b' }, { headers: { baggage: 'south' } }),
    )
    assert.is(headerIn(w, 'next', 'baggage'), 'south')
  } finally {
    propagation.disable()
  }
})

test('a record that is made for later, with a trace of its own, needs no span', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('service')
  const { headers } = await bus.encode(Thing, { id: 'a' }, { headers: { traceparent } })
  assert.is(headers['traceparent'], traceparent)
  assert.is(w.spans().length, 0)
})

test('what names no trace is replaced, as a whole', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('service')
  await bus.start()
  const headers = { traceparent: 'nonsense', tracestate: 'mine=1', other: 'x' }
  await bus.publish(Thing, { id: 'a' }, { headers })
  const { traceId, spanId } = w.span('publish things').spanContext()
  assert.is(headerIn(w, 'things', 'traceparent'), `00-${traceId}-${spanId}-01`)
  assert.is(headerIn(w, 'things', 'tracestate'), undefined)
  assert.is(headerIn(w, 'things', 'other'), 'x')
})

test.run()
