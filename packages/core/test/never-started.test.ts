import { BusbarError, defineEvent, defineRequest } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from './support/assertions.js'
import { type Service, Thing, world } from './support/failure-world.js'

const test = suite('a bus that nobody starts')
const Ask = defineRequest<Thing, string>('ask')

/** What is published, and may wait for ever. */
const waits = (publishing: Promise<unknown>): void => void publishing.catch(() => {})
const warnings = ({ lines }: Service) => lines.filter(({ level }) => level === 'warn')

test('says once, after a while, that something waits for its start, and sends it all the same', async () => {
  await using w = world()
  const service = w.service()
  const { bus } = service
  const first = bus.publish(Thing, { id: '1' })
  waits(first)
  waits(bus.publishBatch(defineEvent<Thing>('other'), [{ id: '2' }]))
  await w.runtime.advance(4_999)
  assert.equal(warnings(service), [])
  await w.runtime.advance(1)
  assert.equal(warnings(service), [
    {
      level: 'warn',
      message:
        'bus service has not been started for 5 s, and what is published waits for that (first: thing): call bus.start()',
      fields: { waiting: 2, first: 'thing' },
    },
  ])
  waits(bus.publish(Thing, { id: '3' }))
  await w.runtime.advance(60_000)
  assert.is(warnings(service).length, 1)
  await bus.start()
  assert.is((await deadline(5_000, 'the publish', first)).offset, 0)
})

for (const [what, first, send] of [
  ['a request', 'ask', ({ bus }) => bus.request(Ask, { id: '1' })],
  ['a tombstone', 'thing', ({ bus }) => bus.publishTombstone(Thing, 'key')],
  [
    'records that were encoded before',
    'things',
    async ({ bus }) => bus.send([await bus.encode(Thing, { id: '1' })]),
  ],
] as const satisfies readonly (readonly [string, string, (service: Service) => Promise<unknown>])[])
  test(`says so of ${what}, too`, async () => {
    await using w = world()
    const service = w.service()
    waits(send(service))
    await w.runtime.advance(5_000)
    assert.equal(
      warnings(service).map(({ fields }) => fields),
      [{ waiting: 1, first }],
    )
  })

test('says nothing, and has no timer, while nothing waits, or once it is started, drained or closed', async () => {
  await using w = world()
  const quiet = w.service()
  assert.is(w.runtime.pending, 0)
  await w.runtime.advance(10_000)
  const started = w.service()
  const publishing = started.bus.publish(Thing, { id: '1' })
  waits(publishing)
  await w.runtime.advance(4_000)
  assert.is(w.runtime.pending, 1)
  await started.bus.start()
  await publishing
  const drained = w.service()
  waits(drained.bus.publish(Thing, { id: '1' }))
  await drained.bus.drain()
  const closed = w.service()
  waits(closed.bus.publish(Thing, { id: '1' }))
  await closed.bus.close()
  assert.is(w.runtime.pending, 0)
  await w.runtime.advance(60_000)
  for (const service of [quiet, started, drained, closed]) assert.equal(warnings(service), [])
})

test('says nothing while a start takes long, and nothing after one that failed, which has said why', async () => {
  await using w = world()
  const service = w.service()
  const { bus, transport } = service
  const connect = transport.connect.bind(transport)
  let fail: (error: Error) => void = () => {}
  transport.connect = () => new Promise<void>((_, reject) => (fail = reject))
  const starting = bus.start()
  const publishing = bus.publish(Thing, { id: '1' })
  waits(publishing)
  await w.runtime.advance(60_000)
  fail(new BusbarError('CONNECTION_FAILED', 'nobody there'))
  await rejects(starting, 'CONNECTION_FAILED')
  waits(bus.publish(Thing, { id: '2' }))
  await w.runtime.advance(60_000)
  assert.equal(warnings(service), [])
  transport.connect = connect
  await bus.start()
  await publishing
})

test.run()
