import type { BusbarError } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { lastValueFrom, toArray } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from './support/assertions.js'
import { testBus } from './support/bus.js'
import { settle } from './support/fake-runtime.js'
import { GetUser, withBuses } from './support/requests.js'

import { timedBus } from './support/timed-bus.js'

const test = suite('requestMany')

const names = (
  outcomes: readonly { ok: boolean; reply?: { name: string }; error?: BusbarError; source: string }[],
) =>
  outcomes
    .map(each => String(each.ok ? each.reply?.name : each.error?.code))
    .sort((one, other) => (one < other ? -1 : 1))

test('requestMany emits what every group answers, its errors too, until its count', async () => {
  const { bus, broker } = testBus()
  const others = ['one', 'two', 'three'].map(name => testBus({ broker, name }).bus)
  for (const other of others) {
    other.reply(GetUser, () => {
      if (other.name === 'three') throw new Error('three')
      return { name: other.name }
    })
  }
  await withBuses([bus, ...others], async () => {
    const outcomes = await lastValueFrom(bus.requestMany(GetUser, { id: '7' }, { count: 3 }).pipe(toArray()))
    assert.equal(names(outcomes), ['REMOTE_FAILED', 'one', 'two'])
    assert.equal(outcomes.map(each => each.source).sort(), ['one', 'three', 'two'])
    const first = await lastValueFrom(bus.requestMany(GetUser, { id: '7' }, { count: 1 }).pipe(toArray()))
    assert.is(first.length, 1)
    await rejects(lastValueFrom(bus.requestMany(GetUser, { id: '7' }, { count: 0 })), 'CONFIG_INVALID')
    await rejects(lastValueFrom(bus.requestMany(GetUser, { id: 7 as unknown as string })), 'PAYLOAD_INVALID')
  })
})

test('requestMany completes when its time is over, and sends once for each subscriber, or not at all', async () => {
  const { bus, broker, runtime } = timedBus()
  bus.reply(GetUser, ({ id }) => ({ name: id }))
  await deadline(5_000, 'many', async () => {
    await bus.start()
    const many = bus.requestMany(GetUser, { id: '7' }, { timeoutMs: 100 })
    await settle()
    assert.not.ok(broker.records('user.get').length)
    const [one, other] = [lastValueFrom(many.pipe(toArray())), lastValueFrom(many.pipe(toArray()))]
    await settle(20)
    await runtime.advance(100)
    assert.equal([names(await one), names(await other)], [['7'], ['7']])
    assert.is(broker.records('user.get').length, 2)
    const unsubscribed = many.subscribe()
    unsubscribed.unsubscribe()
    await settle()
    await runtime.advance(20)
    assert.equal([runtime.pending, broker.records('user.get').length], [0, 2])
    const failed = rejects(lastValueFrom(many), 'BUS_CLOSED')
    await settle()
    const closed = bus.close()
    await runtime.advance(20)
    await Promise.all([failed, closed])
  })
})

test.run()
