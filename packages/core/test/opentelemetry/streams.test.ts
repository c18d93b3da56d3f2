import { BusbarError, defineEvent } from '@busbar/core'
import { SpanStatusCode } from '@opentelemetry/api'
import { map } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deferred } from '../support/assertions.js'
import { Thing, until } from '../support/failure-world.js'
import { headerIn, tracedWorld } from './traced-world.js'

const test = suite('spans of streams')
const Next = defineEvent<Thing>('next')

test('what a subscriber of a stream publishes is inside of its record', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('service')
  bus.stream(Thing).subscribe(thing => void bus.publish(Next, thing))
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => w.spans().length === 3, 'all spans')
  assert.equal(w.tree(), [
    'service: publish things PRODUCER',
    '  service: process things CONSUMER',
    '    service: publish next PRODUCER',
  ])
})

for (const exactlyOnce of [false, true]) {
  test(`the outputs of a pipe are inside of their record${exactlyOnce ? ', exactly once' : ''}`, async () => {
    await using w = tracedWorld()
    const { bus } = w.traced('service')
    bus.pipe(Thing, { exactlyOnce }, things => things.pipe(map(({ id }) => ({ id: `${id}!` }))), Next)
    const received: string[] = []
    bus.subscribe(Next, { group: 'reader' }, ({ id }) => void received.push(id))
    await bus.start()
    await bus.publish(Thing, { id: 'a' })
    await w.advanceUntil(() => w.spans().length === 4, 'all spans')
    assert.equal(w.tree(), [
      'service: publish things PRODUCER',
      '  service: process things CONSUMER',
      `    service: ${exactlyOnce ? 'create' : 'publish'} next PRODUCER`,
      '      service: process next CONSUMER',
    ])
    assert.equal(received, ['a!'])
  })
}

test('operators with a state are inside of their record, and their outputs as well, also by way of a topic of the group', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('service')
  bus
    .stream(Thing, { group: 'counts' })
    .groupBy(({ id }) => id, { name: 'by-id' })
    .count({ store: 'counts' })
    .to(Next, (count, { key }) => ({ id: `${key} ${count}` }))
  bus.subscribe(Next, { group: 'reader' }, () => {})
  await bus.start()
  const { id } = await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => w.spans().length === 6, 'all spans')
  assert.equal(w.tree(), [
    'service: publish things PRODUCER',
    '  service: process things CONSUMER',
    '    service: create counts.by-id.repartition PRODUCER',
    '      service: process counts.by-id.repartition CONSUMER',
    '        service: create next PRODUCER',
    '          service: process next CONSUMER',
  ])
  const { attributes, links } = w.span('process counts.by-id.repartition')
  assert.equal(
    [
      'messaging.consumer.group.name',
      'messaging.message.id',
      'busbar.subscription',
      'busbar.event',
      'busbar.outcome',
    ].map(name => attributes[name]),
    ['counts', id, 'counts/streams', 'counts.by-id.repartition', 'done'],
  )
  assert.is(links[0]?.context.spanId, w.span('create counts.by-id.repartition').spanContext().spanId)
  assert.is(headerIn(w, 'counts.counts.changelog', 'traceparent'), undefined)
})

test('each attempt of an operator has a span, and the way to the dead letters, which keep the trace', async () => {
  await using w = tracedWorld()
  const { bus, reports } = w.traced('service')
  let failures = 0
  bus
    .stream(Thing, { group: 'counts' })
    .keyed()
    .forEach(() => {
      failures += 1
      if (failures === 1) throw new TypeError('no')
      throw new BusbarError('PAYLOAD_INVALID', 'never')
    })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 1, 'its end')
  assert.equal(w.tree(), [
    'service: publish things PRODUCER',
    '  service: process things CONSUMER TypeError',
    '  service: process things CONSUMER PAYLOAD_INVALID',
    '  service: send things.counts.dlq CLIENT',
  ])
  await w.advanceUntil(() => w.records('things.counts.dlq').length === 1, 'the dead letter')
  const { traceId, spanId } = w.span('publish things').spanContext()
  assert.is(headerIn(w, 'things.counts.dlq', 'traceparent'), `00-${traceId}-${spanId}-01`)
})

test('what is handed back as the bus closes is no failure', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('service')
  const begun = deferred()
  const told = deferred()
  bus
    .stream(Thing, { group: 'counts' })
    .keyed()
    .forEach(async () => {
      begun.resolve()
      await told.promise
      throw new Error('told to stop')
    })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await begun.promise
  const closing = bus.close()
  told.resolve()
  await w.advanceUntil(() => w.spans().length === 2, 'its span')
  await closing
  const { attributes, status } = w.span('process things')
  assert.equal([attributes['busbar.outcome'], status.code], ['handed back', SpanStatusCode.UNSET])
})

test.run()
