import assert from 'node:assert/strict'
import { BusbarError, idempotent, retry } from '@busbar/core'
import { suite } from 'uvu'
import { rejects, throws } from './support/assertions.js'
import { headerOf, Thing, until, world } from './support/failure-world.js'
import { failing, listed, once, run } from './support/redrive.js'
import { TestStore } from './support/test-store.js'

const test = suite('redrive without loss')

test('a replay that meets its own failures again ends all the same', async () => {
  await using w = world()
  const { bus } = await failing(w, ['a', 'b', 'c'])
  const result = await run(w, bus.deadLetters().replay({}, { perSecond: 1 }))
  assert.equal(result.replayed, 3)
})

test('a replay that fails in the middle can be repeated: nothing is lost', async () => {
  await using w = world()
  let left = 1
  const { bus, reports } = w.refusing(({ topic }) => {
    if (topic.endsWith('.retry') && left-- <= 0) throw new BusbarError('CONNECTION_FAILED', 'away')
  })
  let isFixed = false
  const handled: string[] = []
  bus.subscribe(Thing, once, ({ id }) => {
    if (!isFixed) throw new Error('no')
    handled.push(id)
  })
  await bus.start()
  for (const id of ['a', 'b']) await bus.publish(Thing, { id, key: 'k' })
  await until(() => reports.length === 2, 'the dead letters')
  isFixed = true
  await rejects(run(w, bus.deadLetters().replay()), 'CONNECTION_FAILED')
  assert.deepEqual(await listed(bus), ['b'])
  left = 9
  await run(w, bus.deadLetters().replay())
  await until(() => handled.length === 2, 'both')
})

test('only the subscription that failed runs again', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const seen: string[] = []
  let isFixed = false
  bus.subscribe(Thing, { name: 'fails', ...once }, () => {
    seen.push('fails')
    if (!isFixed) throw new Error('no')
  })
  bus.subscribe(Thing, { name: 'neighbour' }, () => void seen.push('neighbour'))
  bus.subscribe(Thing, { group: 'other' }, () => void seen.push('other'))
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => reports.length === 3, 'all')
  isFixed = true
  await run(w, bus.deadLetters().replay())
  await until(() => reports.length === 4, 'the replay')
  assert.deepEqual(seen.sort(), ['fails', 'fails', 'neighbour', 'other'])
})

test('only the subscription that failed gets back what has no readable envelope', async () => {
  await using w = world()
  const { bus, transport, reports } = w.service()
  for (const name of ['one', 'other'])
    bus.subscribe(Thing, { name, ...once }, () => assert.fail('was handled'))
  await bus.start()
  const headers = { ce_type: Uint8Array.from([0xff]) }
  await transport.send([{ topic: 'things', key: null, value: Buffer.from('{}'), headers, timestampMs: 1 }])
  await until(() => reports.length === 2, 'a dead letter of each')
  await run(w, bus.deadLetters().replay({ subscription: 'one' }))
  await until(() => reports.length === 3, 'the replay')
  await w.runtime.advance(1_000)
  assert.deepEqual(
    reports.map(report => report.subscription),
    ['one', 'other', 'one'],
  )
})

test('two operators at once lose nothing, and with idempotent handle nothing twice', async () => {
  await using w = world()
  const store = new TestStore(w.runtime)
  const ids = Array.from({ length: 20 }, (_, id) => String(id))
  const { bus, handled, fix } = await failing(w, ids, { use: [retry({ attempts: 1 }), idempotent(store)] })
  fix()
  const other = w.service({ name: 'operator' })
  await other.bus.start()
  const theirs = other.bus.deadLetters('service', { topics: ['things'] })
  await run(w, Promise.all([bus.deadLetters().replay(), theirs.replay()]))
  await w.advanceUntil(() => handled.length >= ids.length, 'all')
  await w.runtime.advance(1_000)
  assert.deepEqual(handled, ids)
  assert.deepEqual(await listed(bus), [])
})

test('a record that comes back to a subscription that is not here is said aloud', async () => {
  await using w = world()
  const { bus } = await failing(w, ['a'], { name: 'renamed' })
  await bus.close()
  const second = w.service()
  second.bus.subscribe(Thing, () => {})
  await second.bus.start()
  await run(w, second.bus.deadLetters().replay())
  await w.advanceUntil(
    () => second.lines.some(({ level, fields }) => level === 'warn' && fields['subscription'] === 'renamed'),
    'the warning',
  )
})

test('the id of what comes back is the same, and what its failure added is gone', async () => {
  await using w = world()
  const { bus } = await failing(w, ['a'])
  await run(w, bus.deadLetters().replay())
  const [original] = w.records('things')
  const [back] = w.records('things.service.retry')
  assert.ok(original && back)
  assert.equal(headerOf(back, 'ce_id'), headerOf(original, 'ce_id'))
  assert.equal(headerOf(back, 'busbar-redrives'), '1')
  for (const name of ['error-code', 'error-message', 'error-stack', 'failed-at', 'attempts'])
    assert.equal(headerOf(back, `busbar-${name}`), undefined)
})

test('a redrive without topics is refused', async () => {
  await using w = world()
  const { bus } = w.service()
  await bus.start()
  assert.match(throws(() => bus.deadLetters('unknown'), 'CONFIG_INVALID').message, /topics/)
})

test.run()
