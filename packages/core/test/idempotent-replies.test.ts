import assert from 'node:assert/strict'
import { defineError, defineRequest, idempotent } from '@busbar/core'
import { suite } from 'uvu'
import { headerOf, until, world } from './support/failure-world.js'
import { TestStore } from './support/test-store.js'

const test = suite('idempotent requests')

const NotFound = defineError<{ id: string }>('NotFound')
const Charge = defineRequest<{ id: string }, { receipt: number }>('charge', { errors: { NotFound } })

/** A responder, and a way to send one request again as a broker would that repeats it. */
async function responder(w: ReturnType<typeof world>, answer: (n: number) => { receipt: number }) {
  const store = new TestStore(w.runtime)
  const { bus, transport, reports } = w.service()
  let calls = 0
  bus.reply(Charge, { use: [idempotent(store)] }, () => answer(++calls))
  await bus.start()
  const replies = () => w.records('busbar.replies')
  const repeat = async () => {
    const [record] = w.records('charge')
    assert.ok(record)
    await transport.send([
      {
        topic: 'charge',
        key: record.key,
        value: record.value,
        headers: record.headers,
        timestampMs: record.timestampMs,
      },
    ])
  }
  return { bus, store, reports, replies, repeat, calls: () => calls }
}

test('a duplicate is answered with the reply of the first, and not handled', async () => {
  await using w = world()
  const { bus, reports, replies, repeat, calls } = await responder(w, n => ({ receipt: n }))
  assert.deepEqual(await bus.request(Charge, { id: 'a' }), { receipt: 1 })
  await repeat()
  await until(() => reports.length === 2 && replies().length === 2, 'the second answer')
  assert.equal(calls(), 1)
  const [one, other] = replies()
  assert.deepEqual(one?.value, other?.value)
  assert.deepEqual(
    reports.map(report => report.outcome),
    ['done', 'skipped'],
  )
})

test('a declared error is an answer as well: a duplicate gets it and is not handled', async () => {
  await using w = world()
  const { bus, reports, replies, repeat, calls } = await responder(w, () => {
    throw new NotFound({ id: 'a' }, 'there is no such account')
  })
  await assert.rejects(bus.request(Charge, { id: 'a' }), NotFound)
  await repeat()
  await until(() => reports.length === 2 && replies().length === 2, 'the second answer')
  assert.equal(calls(), 1)
  const [one, other] = replies()
  assert.ok(one && other)
  assert.deepEqual(one.value, other.value)
  for (const name of [
    'busbar-error-code',
    'busbar-error-name',
    'busbar-error-message',
    'kafka_correlationId',
    'kafka_nest-err',
  ]) {
    assert.equal(headerOf(other, name), headerOf(one, name), name)
  }
})

test('a declared error that cannot be encoded is answered as what it is, and its claim is given back', async () => {
  await using w = world()
  const { bus, store } = await responder(w, () => {
    throw new NotFound({ id: 1n as never }, 'there is no such account')
  })
  await assert.rejects(bus.request(Charge, { id: 'a' }), /JSON cannot hold/)
  await until(() => store.entries.size === 0, 'the release')
})

test('any other error is no answer to keep: a duplicate is handled', async () => {
  await using w = world()
  const { bus, reports, repeat, calls, store } = await responder(w, n => {
    if (n === 1) throw new Error('the database is away')
    return { receipt: n }
  })
  await assert.rejects(bus.request(Charge, { id: 'a' }), /the database is away/)
  assert.equal(store.completed, 0)
  await repeat()
  await until(() => reports.length === 2, 'the second')
  assert.equal(calls(), 2)
})

test('a request whose deadline has passed is skipped, and nothing is remembered of it', async () => {
  await using w = world()
  const { bus, reports, repeat, calls, store } = await responder(w, n => ({ receipt: n }))
  await bus.request(Charge, { id: 'a' })
  store.entries.clear()
  await w.runtime.advance(60_000)
  await repeat()
  await until(() => reports.length === 2, 'the second')
  assert.equal(calls(), 1)
  assert.equal(reports[1]?.outcome, 'skipped')
  assert.equal(store.completed, 0)
})

test.run()
