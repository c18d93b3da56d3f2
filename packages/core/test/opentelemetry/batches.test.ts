import { defineEvent, filter, retry } from '@busbar/core'
import { SpanKind } from '@opentelemetry/api'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Thing } from '../support/failure-world.js'
import { tracedWorld } from './traced-world.js'

const test = suite('spans of batches')
const Next = defineEvent<Thing>('next')

test('one call of the handler is one span of its own trace, linked to every publish', async () => {
  await using w = tracedWorld()
  const { bus, reports } = w.traced('service')
  bus.subscribeBatch(Thing, { maxSize: 3 }, async batch => {
    await bus.publish(Next, { id: `${batch.length}` })
  })
  // The loops of an in-memory transport live on in the context of whoever woke them up.
  const publishes = await w.provider.getTracer('test').startActiveSpan('start', async span => {
    span.end()
    await bus.start()
    return bus.publishBatch(Thing, [{ id: 'a' }, { id: 'b' }, { id: 'c' }])
  })
  await w.advanceUntil(() => reports.length === 3, 'its end')
  assert.equal(w.tree(), [
    'undefined: start INTERNAL',
    '  service: publish things PRODUCER',
    '  service: publish things PRODUCER',
    '  service: publish things PRODUCER',
    'service: process things CONSUMER',
    '  service: publish next PRODUCER',
  ])
  const batch = w.span('process things')
  const sent = new Map(w.spans().map(span => [span.attributes['messaging.message.id'], span.spanContext()]))
  assert.equal(
    batch.links.map(link => [link.attributes?.['messaging.message.id'], link.context.spanId]),
    publishes.map(({ id }) => [id, sent.get(id)?.spanId]),
  )
  assert.not(batch.spanContext().traceId === batch.links[0]?.context.traceId)
  assert.is(batch.attributes['messaging.batch.message_count'], 3)
  assert.is(batch.attributes['messaging.destination.partition.id'], '0')
  assert.is(batch.attributes['messaging.message.id'], undefined)
})

test('links have a limit', async () => {
  await using w = tracedWorld()
  const { bus, reports } = w.traced('service')
  bus.subscribeBatch(Thing, { maxSize: 200 }, () => {})
  const things = Array.from({ length: 200 }, (_, id) => ({ id: `${id}` }))
  const published = await Promise.all([bus.start(), bus.publishBatch(Thing, things)])
  await w.advanceUntil(() => reports.length === 200, 'its end')
  const batch = w.spans().find(({ attributes }) => attributes['messaging.batch.message_count'] === 200)
  assert.is(batch?.links.length, 128)
  assert.is(batch?.droppedLinksCount, 0)
  assert.is(batch?.links[0]?.attributes?.['messaging.message.id'], published[1][0]?.id)
})

test('what the handler throws is the failure of its one span', async () => {
  await using w = tracedWorld()
  const { bus, reports } = w.traced('service')
  bus.subscribeBatch(Thing, { maxSize: 2, use: [retry({ attempts: 1 })] }, () => {
    throw new TypeError('no')
  })
  await bus.start()
  await bus.publishBatch(Thing, [{ id: 'a' }, { id: 'b' }])
  await w.advanceUntil(() => reports.length === 2, 'its end')
  assert.equal(w.tree().toSorted(), [
    '  service: send things.service.dlq CLIENT',
    '  service: send things.service.dlq CLIENT',
    'service: process things CONSUMER TypeError',
    'service: publish things PRODUCER',
    'service: publish things PRODUCER',
  ])
})

test('a record that fails alone has a span of its own, linked to the batch', async () => {
  await using w = tracedWorld()
  const { bus, reports } = w.traced('service')
  bus.subscribeBatch(Thing, { maxSize: 2, use: [retry({ attempts: 1 })] }, batch => {
    batch[1]?.fail(new RangeError('only this'))
  })
  await bus.start()
  await bus.publishBatch(Thing, [{ id: 'a' }, { id: 'b' }])
  await w.advanceUntil(() => reports.length === 2, 'its end')
  const failed = w.spans().find(({ attributes }) => attributes['error.type'] === 'RangeError')
  const batch = w.spans().find(({ attributes }) => attributes['messaging.batch.message_count'] === 2)
  assert.is(failed?.name, 'process things')
  assert.is(failed?.attributes['messaging.kafka.offset'], 1)
  assert.ok(batch && failed?.links.some(({ context }) => context.spanId === batch.spanContext().spanId))
  assert.is(batch.attributes['error.type'], undefined)
  assert.is(w.spans().filter(({ kind }) => kind === SpanKind.CONSUMER).length, 2)
})

test('records that never reach the handler are seen all the same', async () => {
  await using w = tracedWorld()
  const { bus, transport, reports } = w.traced('service')
  bus.subscribeBatch(
    Thing,
    { maxSize: 3, use: [retry({ attempts: 1 }), filter<Thing>(({ key }) => key !== 'filtered')] },
    () => {},
  )
  await bus.start()
  const record = await bus.encode(Thing, { id: 'a' })
  await transport.send([{ ...record, value: new Uint8Array([123]) }])
  await bus.publishBatch(Thing, [{ id: 'a', key: 'filtered' }, { id: 'b' }])
  await w.advanceUntil(() => reports.length === 3, 'its end')
  const ends = w
    .spans()
    .filter(({ kind }) => kind === SpanKind.CONSUMER)
    .map(({ attributes: of }) =>
      [of['messaging.batch.message_count'], of['error.type'], of['busbar.skip_reason']].join(' '),
    )
  assert.equal(ends.toSorted(), [' DECODE_FAILED ', '  filtered', '1  '].toSorted())
})

test.run()
