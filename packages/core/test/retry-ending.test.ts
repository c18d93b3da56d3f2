import assert from 'node:assert/strict'
import { retry } from '@busbar/core'
import { suite } from 'uvu'
import { deferred } from './support/assertions.js'
import { Thing, until, world } from './support/failure-world.js'

const test = suite('retries that come to an end')

test('a wait ends with the bus: the record is handed back and no dead letter', async () => {
  await using w = world()
  const first = w.service()
  first.bus.subscribe(Thing, { use: [retry({ attempts: 3, delayMs: 60_000, jitter: 'none' })] }, () => {
    throw new Error('no')
  })
  await first.bus.start()
  await first.bus.publish(Thing, { id: 'a' })
  await until(() => first.lines.some(line => line.message.includes('tried again')), 'the wait')
  await first.bus.close()
  assert.deepEqual(
    first.reports.map(report => report.outcome),
    ['handed back'],
  )
  assert.deepEqual(w.records('things.service.dlq'), [])
  assert.equal(w.committed('service'), 0)
  const second = w.service()
  const handled: string[] = []
  second.bus.subscribe(Thing, ({ id }) => void handled.push(id))
  await second.bus.start()
  await until(() => handled.length === 1, 'the next instance has it')
})

test('a wait ends when the partition moves away', async () => {
  await using w = world({ partitions: 2 })
  const first = w.service()
  const attempts: string[] = []
  const subscribe = (service: typeof first, name: string) =>
    service.bus.subscribe(
      Thing,
      { use: [retry({ attempts: 3, delayMs: 60_000, jitter: 'none' })] },
      ({ id }) => {
        attempts.push(`${name} ${id}`)
        if (name === 'first') throw new Error('no')
      },
    )
  subscribe(first, 'first')
  await first.bus.start()
  await first.bus.publishBatch(
    Thing,
    Array.from({ length: 20 }, (_, id) => ({ id: String(id) })),
  )
  await until(() => attempts.length === 20, 'all wait')
  const second = w.service()
  subscribe(second, 'second')
  await second.bus.start()
  await until(() => attempts.some(each => each.startsWith('second')), 'the other member has some')
  const moved = attempts.filter(each => each.startsWith('second')).length
  await until(() => first.reports.length >= moved, 'they were handed back')
  assert.ok(first.reports.every(report => report.outcome === 'handed back'))
  assert.deepEqual(w.records('things.service.dlq'), [])
})

test('what comes back from a wait when the bus closes does not start any more', async () => {
  await using w = world()
  const { bus, reports } = w.service({ consume: { concurrency: 1 } })
  const gate = deferred()
  const starts: string[] = []
  bus.subscribe(
    Thing,
    { use: [retry({ attempts: 3, delayMs: 10, jitter: 'none' })] },
    async ({ id }, { attempt }) => {
      starts.push(`${id}${attempt}`)
      if (id === 'fails') throw new Error('no')
      await gate.promise
    },
  )
  await bus.start()
  await bus.publish(Thing, { id: 'fails' })
  await bus.publish(Thing, { id: 'long' })
  await until(() => starts.length === 2, 'both started')
  // Its wait is over, but the only place is taken.
  await w.runtime.advance(1_000)
  assert.deepEqual(starts, ['fails1', 'long1'])
  const closing = bus.close()
  gate.resolve()
  await w.advanceUntil(() => reports.length === 2, 'both ended')
  await closing
  assert.deepEqual(starts, ['fails1', 'long1'])
  assert.deepEqual(reports.map(({ outcome }) => outcome).sort(), ['done', 'handed back'])
})

test('what comes back from a wait when the partition has moved away does not start any more', async () => {
  await using w = world()
  const first = w.service({ consume: { concurrency: 1 } })
  const gate = deferred()
  const starts: string[] = []
  first.bus.subscribe(
    Thing,
    { use: [retry({ attempts: 3, delayMs: 10, jitter: 'none' })] },
    async ({ id }, { attempt }) => {
      starts.push(`${id}${attempt}`)
      if (id === 'fails') throw new Error('no')
      await gate.promise
    },
  )
  await first.bus.start()
  await first.bus.publish(Thing, { id: 'fails' })
  await first.bus.publish(Thing, { id: 'long' })
  await until(() => starts.length === 2, 'both started')
  await w.runtime.advance(1_000)
  first.transport.crash()
  gate.resolve()
  await until(() => first.reports.length === 2, 'both ended')
  assert.deepEqual(starts, ['fails1', 'long1'])
})

test.run()
