import assert from 'node:assert/strict'
import { type Bus, correlation, correlationOf, defineError, defineEvent, defineRequest } from '@busbar/core'
import { suite } from 'uvu'
import { headerOf, Thing, until, world } from './support/failure-world.js'

const test = suite('correlation')

const Next = defineEvent<Thing>('next')
const Last = defineEvent<Thing>('last')

test('travels through awaits, timers and nested publishes, each event apart', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  bus.use(correlation())
  bus.subscribe(Thing, async thing => {
    await new Promise(resolve => setTimeout(resolve, 1))
    await Promise.all([new Promise(resolve => setImmediate(resolve)), Promise.resolve()])
    await bus.publish(Next, thing, { id: `next ${thing.id}` })
  })
  bus.subscribe(Next, thing => bus.publish(Last, thing, { id: `last ${thing.id}` }))
  await bus.start()
  const ids = Array.from({ length: 20 }, (_, id) => String(id))
  await Promise.all(ids.map(id => bus.publish(Thing, { id }, { id: `first ${id}` })))
  await until(() => reports.length === 40, 'all')
  const ofEach = (topic: string) =>
    w
      .records(topic)
      .map(record => [
        headerOf(record, 'ce_id'),
        headerOf(record, 'ce_correlationid'),
        headerOf(record, 'ce_causationid'),
      ])
  for (const [id, correlationId, causationId] of ofEach('next'))
    assert.deepEqual(
      [correlationId, causationId],
      [id?.replace('next', 'first'), id?.replace('next', 'first')],
    )
  for (const [id, correlationId, causationId] of ofEach('last'))
    assert.deepEqual(
      [correlationId, causationId],
      [id?.replace('last', 'first'), id?.replace('last', 'next')],
    )
  for (const [, correlationId] of ofEach('things')) assert.equal(correlationId, undefined)
})

test('handlers find it in their context', async () => {
  await using w = world()
  const { bus } = w.service()
  const found: unknown[] = []
  bus.use(correlation())
  bus.subscribe(Thing, (_, { values }) => void found.push(values.get(correlationOf)))
  await bus.start()
  const { id } = await bus.publish(Thing, { id: 'a' })
  await until(() => found.length === 1, 'the handler')
  assert.deepEqual(found, [{ correlationId: id, causationId: id }])
})

test('travels through requests and replies, also those that are errors', async () => {
  const Refused = defineError<{ id: string }>('Refused')
  const Ask = defineRequest<Thing, string>('ask', { errors: { Refused } })
  await using w = world()
  const { bus, reports } = w.service()
  bus.use(correlation())
  bus.subscribe(Thing, async thing => {
    await bus.request(Ask, thing).catch(() => {})
  })
  bus.reply(Ask, async ({ id }) => {
    if (id === 'refused') throw new Refused({ id }, 'no')
    await bus.publish(Next, { id })
    return 'yes'
  })
  await bus.start()
  const first = await bus.publish(Thing, { id: 'a' })
  await until(() => reports.length === 2, 'its end')
  const second = await bus.publish(Thing, { id: 'refused' })
  await until(() => reports.length === 4, 'the other end')
  const correlations = (topic: string) =>
    w
      .records(topic)
      .map(record => headerOf(record, 'ce_correlationid'))
      .toSorted((one, other) => String(one).localeCompare(String(other)))
  assert.deepEqual(correlations('ask'), [first.id, second.id])
  assert.deepEqual(correlations('next'), [first.id])
  assert.deepEqual(correlations('busbar.replies'), [first.id, second.id])
})

test('keeps what is published outside of handlers apart, and each handler from others', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  bus.use(correlation())
  bus.subscribe(Thing, () => {})
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => reports.length === 1, 'handled')
  await bus.publish(Next, { id: 'b' })
  assert.equal(headerOf(w.records('next')[0] as never, 'ce_correlationid'), undefined)
})

test('costs nothing where it is not installed: no header, and one header less to read', async () => {
  const headersOf = async (install: (bus: Bus) => void) => {
    await using w = world()
    const { bus, reports } = w.service()
    install(bus)
    bus.subscribe(Thing, thing => bus.publish(Next, thing))
    await bus.start()
    await bus.publish(Thing, { id: 'a' })
    await until(() => reports.length === 1, 'handled')
    return Object.keys(w.records('next')[0]?.headers ?? {}).filter(name => /correlation|causation/.test(name))
      .length
  }
  assert.equal(await headersOf(() => {}), 0)
  assert.equal(await headersOf(bus => bus.use(correlation())), 2)
})

test.run()
