import assert from 'node:assert/strict'
import { consoleLogger, filter, retry } from '@busbar/core'
import { suite } from 'uvu'
import { deferred } from './support/assertions.js'
import { Thing, until, world } from './support/failure-world.js'

const test = suite('outcomes of deliveries')

test('each delivery to each subscription has exactly one', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const fail = () => {
    throw new Error('no')
  }
  bus.subscribe(Thing, { name: 'done' }, () => {})
  bus.subscribe(Thing, { name: 'skipped', use: [filter(() => false)] }, fail)
  bus.subscribe(Thing, { name: 'dead-lettered', use: [retry({ attempts: 2, delayMs: 1 })] }, fail)
  bus.subscribe(
    Thing,
    { name: 'rescheduled', use: [retry({ attempts: 2, delayMs: 60_000, via: 'topic' })] },
    fail,
  )
  let isBad = true
  bus.subscribe(Thing, { name: 'handed-back', onFailure: 'hand-back' }, () => {
    if (isBad) fail()
  })
  await bus.start()
  for (let id = 0; id < 10; id++) await bus.publish(Thing, { id: String(id) })
  await until(
    () => reports.filter(report => report.outcome === 'handed back').length === 10,
    'handed back once each',
  )
  isBad = false
  await w.advanceUntil(() => reports.length === 60, 'all ends', 10)
  for (const { subscription, outcome } of reports)
    assert.ok(
      outcome === subscription ||
        (subscription === 'handed-back' && ['done', 'handed back'].includes(outcome)),
    )
  assert.equal(
    new Set(reports.map(({ id, subscription, outcome }) => `${id} ${subscription} ${outcome}`)).size,
    60,
  )
})

test('a listener that throws changes nothing of the delivery', async () => {
  await using w = world()
  const { bus, reports, lines } = w.service()
  const handled: string[] = []
  bus.onDelivery(() => {
    throw new Error('the listener failed')
  })
  bus.subscribe(Thing, ({ id }) => void handled.push(id))
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => w.committed('service') === 1, 'the commit')
  assert.deepEqual(handled, ['a'])
  assert.deepEqual(
    reports.map(report => report.outcome),
    ['done'],
  )
  assert.ok(
    lines.some(
      ({ level, fields }) => level === 'error' && (fields['err'] as Error).message === 'the listener failed',
    ),
  )
})

test('what ends after its delivery was handed back is reported as that, since it comes again', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const gate = deferred()
  let started = false
  bus.subscribe(Thing, async () => {
    started = true
    await gate.promise
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => started, 'the handler')
  const closing = bus.close({ timeoutMs: 100 })
  await w.runtime.advance(200)
  await closing
  gate.resolve()
  await until(() => reports.length === 1, 'its end')
  assert.deepEqual(
    reports.map(report => report.outcome),
    ['handed back'],
  )
  assert.equal(w.committed('service'), 0)
})

test('hand-back leaves out retry and dead letter: the record comes again until it succeeds', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const attempts: number[] = []
  bus.subscribe(Thing, { onFailure: 'hand-back' }, (_, { attempt }) => {
    attempts.push(attempt)
    if (attempt < 8) throw new Error('no')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.at(-1)?.outcome === 'done', 'its end', 1_000)
  assert.deepEqual(attempts, [1, 2, 3, 4, 5, 6, 7, 8])
  assert.deepEqual(w.broker.topics(), ['things'])
})

test('what is handed back takes along what its key has behind it, and no other key', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const seen: string[] = []
  bus.subscribe(Thing, { onFailure: 'hand-back' }, ({ id }, { attempt }) => {
    seen.push(`${id}${attempt}`)
    if (id === 'a' && attempt < 3) throw new Error('no')
  })
  await bus.start()
  await bus.publishBatch(Thing, [
    { id: 'a', key: 'k' },
    { id: 'b', key: 'k' },
    { id: 'c', key: 'l' },
    { id: 'd', key: 'k' },
  ])
  await w.advanceUntil(() => reports.filter(report => report.outcome === 'done').length === 4, 'all')
  assert.deepEqual(seen, ['a1', 'c1', 'a2', 'a3', 'b1', 'd1'])
})

test('the log has one line for a dead letter, with event, id, group, attempt and reason, and no payload', async () => {
  await using w = world()
  const { bus, reports, lines } = w.service()
  bus.subscribe(Thing, { use: [retry({ attempts: 2, delayMs: 1 })] }, () => {
    throw new Error('the mailer is away')
  })
  await bus.start()
  const { id } = await bus.publish(Thing, { id: 'payload-secret', key: 'key-secret' })
  await w.advanceUntil(() => reports.length === 1, 'its end')
  const found = lines.filter(({ level }) => level === 'error')
  assert.equal(found.length, 1)
  const { event, group, subscription, attempt, reason, code, id: shown } = found[0]?.fields ?? {}
  assert.deepEqual(
    { event, id: shown, group, subscription, attempt, reason, code },
    {
      event: 'thing',
      id,
      group: 'service',
      subscription: 'service/thing',
      attempt: 2,
      reason: 'the mailer is away',
      code: 'HANDLER_FAILED',
    },
  )
  assert.match(found[0]?.message ?? '', /dead letter/)
  assert.ok(lines.every(({ fields }) => !JSON.stringify(fields).includes('secret')))
})

test('with the default logger that is one line, also of a reason with many', async () => {
  await using w = world()
  const { bus, reports } = w.service({ logger: consoleLogger })
  bus.subscribe(Thing, { use: [retry({ attempts: 1 })] }, () => {
    throw new Error('first\nsecond\r\nthird')
  })
  const said: string[] = []
  const { error } = console
  console.error = (text: string) => void said.push(text)
  try {
    await bus.start()
    await bus.publish(Thing, { id: 'a' })
    await until(() => reports.length === 1, 'its end')
  } finally {
    console.error = error
  }
  assert.equal(said.length, 1)
  assert.ok(!/[\r\n]/.test(said[0] ?? '\n'), said[0])
  for (const part of ['event=thing', 'id=', 'group=service', 'attempt=1', 'first', 'third'])
    assert.ok(said[0]?.includes(part), `${part} in ${said[0]}`)
})

test.run()
