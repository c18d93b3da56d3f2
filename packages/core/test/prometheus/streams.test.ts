import { BusbarError, defineEvent } from '@busbar/core'
import { metrics } from '@busbar/core/prometheus'
import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Thing, world } from '../support/failure-world.js'
import { sampleOf } from './support.js'

const test = suite('metrics of streams with a state')

const Counted = defineEvent<{ id: string; count: number }>('counted', { key: ({ id }) => id })
const inner = 'counts.by-id.repartition'

test('deliveries, attempts, failures, retries and times are counted for each event of a group', async () => {
  await using w = world()
  const register = new Registry()
  const { bus, reports } = w.service()
  bus.use(metrics(register))
  let failures = 2
  bus
    .stream(Thing, { group: 'counts' })
    .keyed()
    .mapValues(thing => {
      if (thing.id === 'never') throw new BusbarError('PAYLOAD_INVALID', 'never')
      if (failures-- > 0) throw new TypeError('for now')
      return thing
    })
    .groupBy(({ id }) => id, { name: 'by-id' })
    .count({ store: 'counts' })
    .to(Counted, (count, { key }) => ({ id: key, count }))
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 2, 'the count')
  const labels = { bus: 'service', group: 'counts', subscription: 'counts/streams' }
  const counted = (name: string, more: Record<string, string>) =>
    sampleOf(register, name, { ...labels, ...more })
  const deliveries = (event: string, outcome: string) =>
    counted('busbar_deliveries_total', { event, outcome })
  assert.equal([await deliveries('thing', 'done'), await deliveries('thing', 'dead-lettered')], [1, 0])
  assert.is(await deliveries(inner, 'done'), 1)
  await bus.publish(Thing, { id: 'never' })
  await w.advanceUntil(() => reports.length === 3, 'the dead letter')
  assert.equal([await deliveries('thing', 'done'), await deliveries('thing', 'dead-lettered')], [1, 1])
  const ofThing = { event: 'thing' }
  assert.is(await counted('busbar_attempt_failures_total', { ...ofThing, code: 'HANDLER_FAILED' }), 2)
  assert.is(await counted('busbar_attempt_failures_total', { ...ofThing, code: 'PAYLOAD_INVALID' }), 1)
  assert.is(await counted('busbar_retries_total', ofThing), 2)
  assert.is(await counted('busbar_handler_duration_seconds_count', ofThing), 4)
  assert.is(await counted('busbar_end_to_end_latency_seconds_count', ofThing), 1)
  assert.is(await counted('busbar_handler_duration_seconds_count', { event: inner }), 1)
  assert.is(await counted('busbar_handlers_in_flight', ofThing), 0)
  await w.advanceUntil(() => w.records('counted').length === 1, 'the commit')
  assert.is(await sampleOf(register, 'busbar_published_total', { kind: 'event', event: 'counted' }), 1)
})

test.run()
