import { BusbarError, defineRequest, type PublishReport } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from './support/assertions.js'
import { Thing, until, world } from './support/failure-world.js'

const test = suite('reports of publishes')
const Ask = defineRequest<Thing, string>('ask')

test('each has one, from its call to its end, whatever it waits for', async () => {
  await using w = world()
  const { bus, transport } = w.service()
  const told: PublishReport[] = []
  bus.onPublish(report => told.push(report))
  const connect = transport.connect.bind(transport)
  transport.connect = async options => {
    await new Promise<void>(resolve => w.runtime.setTimer(2_000, resolve))
    await connect(options)
  }
  const published = bus.publish(Thing, { id: 'a' })
  assert.is(bus.publishing, 1)
  const starting = bus.start()
  await w.advanceUntil(() => told.length === 1, 'the publish', 500)
  await starting
  await published
  assert.is(bus.publishing, 0)
  assert.equal(told, [{ kind: 'event', event: 'thing', durationMs: 2_000 }])
})

test('failures before, within and after the middleware are reported with what the caller gets', async () => {
  await using w = world()
  const refusal = new BusbarError('TOPIC_DENIED', 'not yours')
  const { bus } = w.refusing(({ topic }) => {
    if (topic === 'things') throw refusal
  })
  const own = new Error('by middleware')
  const told: PublishReport[] = []
  bus.onPublish(report => told.push(report))
  bus.use({
    name: 'refuses',
    publish: async ({ payload }, next) => {
      if ((payload as Thing).id === 'own') throw own
      await next()
    },
  })
  await bus.start()
  const early = await rejects(bus.publish(Thing, { id: 'a' }, { id: '' }), 'HEADER_INVALID')
  await bus.publish(Thing, { id: 'own' }).catch(() => {})
  await rejects(bus.publish(Thing, { id: 'a' }), 'TOPIC_DENIED')
  await bus.encode(Thing, { id: 'a' })
  assert.equal(
    told.map(({ error }) => error),
    [early, own, refusal],
  )
  assert.is(bus.publishing, 0)
})

test('a request and its reply have theirs; a listener that throws changes nothing, and one that left is not called', async () => {
  await using w = world()
  const { bus, lines } = w.service()
  const told: string[] = []
  const leave = bus.onPublish(({ kind, event }) => told.push(`${kind} ${event}`))
  bus.onPublish(() => {
    throw new Error('the listener failed')
  })
  bus.reply(Ask, () => 'yes')
  await bus.start()
  assert.is(await bus.request(Ask, { id: 'a' }), 'yes')
  await until(() => told.length === 2, 'the reports')
  assert.equal(told, ['request ask', 'reply ask.reply'])
  assert.ok(lines.some(({ message }) => message.includes('a listener of publishes threw')))
  leave()
  await bus.publish(Thing, { id: 'a' })
  assert.is(told.length, 2)
})

test.run()
