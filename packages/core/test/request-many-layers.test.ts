import {
  BusbarError,
  defineRequest,
  type ManyReplies,
  type Middleware,
  type RequestContext,
} from '@busbar/core'
import { expectTypeOf } from 'expect-type'
import { firstValueFrom, lastValueFrom, type Observable, toArray } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deferred, rejects } from './support/assertions.js'
import { type Thing, until, type World, world } from './support/failure-world.js'

const test = suite('layers around requestMany')
const Ask = defineRequest<Thing, string>('ask')

/** What a layer saw of one requestMany: how its inside ended, and what had come by then. */
interface Seen {
  readonly count: number | undefined
  readonly end: string
  readonly received: number | undefined
  readonly failed: number | undefined
  readonly failure: string | undefined
}

/** A bus that asks, and started responders: one for each answer, `bad` ones answer with an error. */
async function asked(w: World, answers: readonly string[]) {
  const { bus } = w.service({ name: 'asking' })
  const seen: Seen[] = []
  const seeing: Middleware = {
    name: 'seeing',
    request: async ({ many }, next) => {
      const count = many?.count
      let end = 'resolved'
      try {
        await next()
      } catch (thrown) {
        end = (thrown as BusbarError).code
        throw thrown
      } finally {
        seen.push({
          count,
          end,
          received: many?.received,
          failed: many?.failed,
          failure: many?.failure?.code,
        })
      }
    },
  }
  bus.use(seeing)
  for (const name of answers) {
    const responder = w.service({ name }).bus
    responder.reply(Ask, () => {
      if (name.startsWith('bad')) throw new Error(name)
      return name
    })
    await responder.start()
  }
  await bus.start()
  return { bus, seen }
}

/** The outcomes of a call, with the clock moved on until it has ended. */
async function outcomesOf(w: World, outcomes: Observable<{ readonly ok: boolean }>) {
  let isOver = false
  const all = lastValueFrom(outcomes.pipe(toArray())).finally(() => {
    isOver = true
  })
  all.catch(() => {})
  await w.advanceUntil(() => isOver, 'its end', 100)
  return all
}

test('it has enough: its inside resolves, with how many were asked for and how many came, errors among them', async () => {
  await using w = world()
  const { bus, seen } = await asked(w, ['one', 'two', 'bad'])
  const outcomes = await outcomesOf(w, bus.requestMany(Ask, { id: '1' }, { count: 3 }))
  assert.is(outcomes.filter(({ ok }) => ok).length, 2)
  assert.equal(seen, [{ count: 3, end: 'resolved', received: 3, failed: 1, failure: undefined }])
})

test('its time is over: it resolves all the same, and lacks something if fewer came than were asked for', async () => {
  await using w = world()
  const { bus, seen } = await asked(w, ['one', 'two'])
  const timeoutMs = 500
  assert.is((await outcomesOf(w, bus.requestMany(Ask, { id: '1' }, { timeoutMs }))).length, 2)
  assert.is((await outcomesOf(w, bus.requestMany(Ask, { id: '1' }, { timeoutMs, count: 3 }))).length, 2)
  const resolved = { end: 'resolved', received: 2, failed: 0 }
  assert.equal(seen, [
    { ...resolved, count: Number.POSITIVE_INFINITY, failure: undefined },
    { ...resolved, count: 3, failure: 'REQUEST_TIMEOUT' },
  ])
})

test('nobody answers: it resolves and completes, and lacks an answer', async () => {
  await using w = world()
  const { bus, seen } = await asked(w, [])
  assert.equal(await outcomesOf(w, bus.requestMany(Ask, { id: '1' }, { timeoutMs: 500 })), [])
  const [only] = seen
  assert.equal([only?.end, only?.received, only?.failure], ['resolved', 0, 'REQUEST_TIMEOUT'])
})

test('all answers are errors: the first of them is what it lacks', async () => {
  await using w = world()
  const { bus, seen } = await asked(w, ['bad', 'bad-too'])
  const outcomes = await outcomesOf(w, bus.requestMany(Ask, { id: '1' }, { count: 2 }))
  assert.is(outcomes.filter(({ ok }) => ok).length, 0)
  assert.equal(seen, [{ count: 2, end: 'resolved', received: 2, failed: 2, failure: 'REMOTE_FAILED' }])
})

test('its subscriber goes: it resolves at once, aborted if nothing had come', async () => {
  await using w = world()
  const { bus, seen } = await asked(w, ['one', 'two'])
  const first = firstValueFrom(bus.requestMany(Ask, { id: '1' }, { count: 2 }))
  await until(() => seen.length === 1, 'the end of the first')
  assert.ok((await first).ok)
  bus.requestMany(Ask, { id: '2' }).subscribe().unsubscribe()
  await until(() => seen.length === 2, 'the end of the second')
  assert.equal(
    seen.map(({ end, received, failure }) => [end, received, failure]),
    [
      ['resolved', 1, undefined],
      ['resolved', 0, 'ABORTED'],
    ],
  )
})

test('it fails: aborted by its signal, on a bus that closes, of a payload that can not be sent', async () => {
  await using w = world()
  const { bus, seen } = await asked(w, ['one'])
  const aborter = new AbortController()
  const aborted = rejects(
    outcomesOf(w, bus.requestMany(Ask, { id: '1' }, { signal: aborter.signal })),
    'ABORTED',
  )
  await until(() => w.records('ask').length === 1, 'the request')
  aborter.abort()
  await aborted
  await rejects(outcomesOf(w, bus.requestMany(Ask, 1n as never)), 'ENCODE_FAILED')
  const closed = rejects(outcomesOf(w, bus.requestMany(Ask, { id: '1' })), 'BUS_CLOSED')
  await until(() => w.records('ask').length === 2, 'the other request')
  await bus.close()
  await closed
  await rejects(outcomesOf(w, bus.requestMany(Ask, { id: '1' })), 'BUS_CLOSED')
  assert.equal(
    seen.map(({ end, failure }) => [end, failure]),
    [
      ['ABORTED', undefined],
      ['ENCODE_FAILED', undefined],
      ['BUS_CLOSED', undefined],
      ['BUS_CLOSED', undefined],
    ],
  )
})

test('a layer that throws before its inside, or leaves it out, fails the Observable, and nothing is sent', async () => {
  for (const [layer, code] of [
    [() => Promise.reject(new BusbarError('CONFIG_INVALID', 'not today')), 'CONFIG_INVALID'],
    [() => {}, 'MIDDLEWARE_MISUSED'],
  ] as const) {
    await using w = world()
    const { bus } = w.service({ name: 'asking' })
    bus.use({ name: 'refusing', request: layer })
    await bus.start()
    await rejects(lastValueFrom(bus.requestMany(Ask, { id: '1' })), code)
    assert.equal([w.records('ask').length, w.runtime.pending], [0, 0])
    await bus.close()
  }
})

test('outcomes are emitted while its layers wait for the end; it completes when they have, and holds up nobody till then', async () => {
  await using w = world()
  const { bus } = w.service({ name: 'asking', requests: { maxPending: 1 } })
  const gate = deferred()
  const seen: string[] = []
  bus.use({
    name: 'slow',
    request: async (_, next) => {
      seen.push('before')
      await next()
      seen.push('after')
      await gate.promise
    },
  })
  bus.reply(Ask, () => 'yes')
  await bus.start()
  const ask = () =>
    bus.requestMany(Ask, { id: '1' }, { count: 1 }).subscribe({
      next: () => seen.push('outcome'),
      complete: () => seen.push('complete'),
    })
  ask()
  await until(() => seen.length === 3, 'the end of the inside')
  ask()
  await until(() => seen.length === 6, 'that of the next, which waited for its turn')
  assert.equal(seen, ['before', 'outcome', 'after', 'before', 'outcome', 'after'])
  gate.resolve()
  await until(() => seen.length === 8, 'completion')
  assert.equal(seen.slice(6), ['complete', 'complete'])
})

test('whoever goes before a layer lets the request through sends nothing', async () => {
  await using w = world()
  const { bus } = w.service({ name: 'asking' })
  const gate = deferred()
  let failure: string | undefined
  bus.use({
    name: 'waiting',
    request: async ({ many }, next) => {
      await gate.promise
      await next()
      failure = many?.failure?.code
    },
  })
  await bus.start()
  bus.requestMany(Ask, { id: '1' }).subscribe().unsubscribe()
  gate.resolve()
  await until(() => failure !== undefined, 'the end of the layer')
  assert.equal([failure, w.records('ask').length, w.runtime.pending], ['ABORTED', 0, 0])
})

test('of a request that one answers there is nothing to count', async () => {
  await using w = world()
  const { bus, seen } = await asked(w, ['one'])
  assert.is(await bus.request(Ask, { id: '1' }), 'one')
  assert.equal(seen, [
    { count: undefined, end: 'resolved', received: undefined, failed: undefined, failure: undefined },
  ])
  expectTypeOf<RequestContext['many']>().toEqualTypeOf<ManyReplies | undefined>()
  // @ts-expect-error it is counted for a layer, not by it
  assert.type((many: ManyReplies) => many.received++, 'function')
})

test.run()
