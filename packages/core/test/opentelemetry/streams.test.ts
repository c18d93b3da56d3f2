import { defineEvent } from '@busbar/core'
import { map } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Thing, until } from '../support/failure-world.js'
import { tracedWorld } from './traced-world.js'

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

test('operators with a state have no spans; each of their outputs begins a trace', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('service')
  bus
    .stream(Thing, { group: 'counts' })
    .keyed()
    .mapValues(({ id }) => ({ id: `${id}!` }))
    .to(Next)
  bus.subscribe(Next, { group: 'reader' }, () => {})
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => w.spans().length === 3, 'all spans')
  assert.equal(w.tree(), [
    'service: publish things PRODUCER',
    'service: create next PRODUCER',
    '  service: process next CONSUMER',
  ])
})

test.run()
