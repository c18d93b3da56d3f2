import {
  type Bus,
  BusbarError,
  type BusbarErrorCode,
  defineEvent,
  type KeyedStream,
  memoryState,
  type Table,
  tumbling,
  type WindowedTable,
} from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker } from '@busbar/transport-memory'
import { expectTypeOf } from 'expect-type'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from '../support/assertions.js'
import { testBus } from '../support/bus.js'

const test = suite('streams with a state')

interface Click {
  readonly user: string
  readonly page: string
  readonly at: number
}
const Clicked = defineEvent<Click>('clicked', { key: click => click.user })
const Clicks = defineEvent<{ user: string; from: number; count: number }>('clicks')
const User = defineEvent<{ id: string; name: string }>('user', { key: user => user.id })
const click = (user: string, at: number, page = '/'): Click => ({ user, page, at })
const timestamp = ({ at }: Click) => at

async function all<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const entry of entries) list.push(entry)
  return list
}

/** The values that were published to a topic, read from the beginning. */
function collected<T>(
  broker: ReturnType<typeof memoryBroker>,
  topic: string,
): { readonly values: T[]; readonly bus: Bus } {
  const values: T[] = []
  const { bus } = testBus({ broker, name: 'watcher' })
  bus.subscribe(defineEvent<T>(topic), value => void values.push(value))
  return { values, bus }
}

test('counts clicks per user and minute, publishes each change, and answers', async () => {
  const broker = memoryBroker({ partitions: 4 })
  const { bus } = testBus({ broker })
  const watcher = collected<{ user: string; from: number; count: number }>(broker, 'clicks')
  const counts = bus
    .stream(Clicked, { group: 'stats', timestamp })
    .groupByKey()
    .windowedBy(tumbling({ sizeMs: 60_000, graceMs: 5_000 }))
    .count({ store: 'clicks' })
  expectTypeOf(counts).toEqualTypeOf<WindowedTable<number>>()
  counts.to(Clicks, (count, { key, window }) => ({ user: key, from: window.startMs, count }))
  await bus.start()
  await watcher.bus.start()
  await deadline(2_000, 'ready', counts.ready)
  for (const at of [1_000, 59_999, 60_000]) await bus.publish(Clicked, click('ada', at))
  await bus.publish(Clicked, click('bob', 5))
  await eventually(async () => assert.is(watcher.values.length, 4))
  await eventually(async () => {
    assert.is(await counts.get('ada', 0), 2)
    assert.is(await counts.get('ada', 60_000), 1)
    assert.is(await counts.get('bob', 0), 1)
  })
  assert.is(await counts.get('bob', 60_000), undefined)
  assert.equal(
    watcher.values.filter(({ user }) => user === 'ada'),
    [
      { user: 'ada', from: 0, count: 1 },
      { user: 'ada', from: 0, count: 2 },
      { user: 'ada', from: 60_000, count: 1 },
    ],
  )
  assert.equal(await all(counts.windows('ada')), [
    { key: 'ada', window: { startMs: 0, endMs: 60_000 }, value: 2 },
    { key: 'ada', window: { startMs: 60_000, endMs: 120_000 }, value: 1 },
  ])
  assert.is((await all(counts.entries())).length, 3)
  await Promise.all([bus.close(), watcher.bus.close()])
})

test('state survives a restart: it is read from the changelog', async () => {
  const broker = memoryBroker({ partitions: 2 })
  for (const round of [1, 2, 3]) {
    const { bus } = testBus({ broker })
    const counts = bus.stream(Clicked, { group: 'stats' }).groupByKey().count({ store: 'counts' })
    await bus.start()
    await counts.ready
    if (round > 1) assert.is(await counts.get('ada'), round - 1)
    await bus.publish(Clicked, click('ada', 0))
    await eventually(async () => assert.is(await counts.get('ada'), round))
    await bus.close()
  }
})

test('words are counted through a topic of the group: lines in, words by themselves', async () => {
  const Line = defineEvent<string>('line')
  const broker = memoryBroker({ partitions: 3 })
  const instances = [1, 2].map(() => {
    const { bus } = testBus({ broker })
    const counts = bus
      .stream(Line, { group: 'words' })
      .keyed()
      .flatMapValues(line => line.split(' '))
      .groupBy(word => word, { name: 'words' })
      .count({ store: 'counts' })
    return { bus, counts }
  })
  for (const { bus } of instances) await bus.start()
  const [first] = instances as [(typeof instances)[0], (typeof instances)[0]]
  for (const line of ['to be or not', 'to be', 'that is', 'to']) await first.bus.publish(Line, line)
  await eventually(async () => {
    const entries = await Promise.all(instances.map(({ counts }) => all(counts.entries())))
    assert.equal(Object.fromEntries(entries.flat()), { to: 3, be: 2, or: 1, not: 1, that: 1, is: 1 })
  })
  const asked = await Promise.allSettled(instances.map(({ counts }) => counts.get('to')))
  assert.equal(asked.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  const refusal = asked.find(each => each.status === 'rejected')
  assert.is((refusal?.reason as BusbarError | undefined)?.code, 'STATE_UNAVAILABLE')
  await Promise.all(instances.map(({ bus }) => bus.close()))
})

test('a table has the latest value of each key; a tombstone deletes it; a stream is joined with it', async () => {
  const broker = memoryBroker({ partitions: 2 })
  const { bus } = testBus({ broker })
  const watcher = collected<string>(broker, 'greeting')
  const Greeting = defineEvent<string>('greeting')
  const users = bus.table(User, { group: 'site' })
  expectTypeOf(users).toEqualTypeOf<Table<{ id: string; name: string }>>()
  const joined = bus
    .stream(Clicked, { group: 'site' })
    .keyed()
    .leftJoin(users, ({ page }, user) => `${page} ${user?.name ?? '?'}`)
  expectTypeOf(joined).toEqualTypeOf<KeyedStream<string>>()
  joined.to(Greeting)
  const changes: unknown[] = []
  users.subscribe(({ key, value, previous }) => changes.push([key, previous?.name, value?.name]))
  const early = bus.publish(User, { id: '1', name: 'Ada' })
  await bus.start()
  await early
  await watcher.bus.start()
  await deadline(2_000, 'the table', users.ready)
  await bus.publish(User, { id: '1', name: 'Grace' })
  await bus.publish(User, { id: '2', name: 'Bob' })
  await eventually(async () => assert.is((await users.get('2'))?.name, 'Bob'))
  await eventually(async () => assert.is((await users.get('1'))?.name, 'Grace'))
  await bus.publish(Clicked, click('1', 0, 'a'))
  await eventually(() => assert.equal(watcher.values, ['a Grace']))
  await bus.publishTombstone(User, '1')
  await eventually(async () => assert.is(await users.get('1'), undefined))
  await bus.publish(Clicked, click('1', 0, 'b'))
  await eventually(() => assert.equal(watcher.values, ['a Grace', 'b ?']))
  assert.equal(await all(users.entries()), [['2', { id: '2', name: 'Bob' }]])
  assert.equal(
    changes.filter(change => (change as string[])[0] === '1'),
    [
      ['1', undefined, 'Ada'],
      ['1', 'Ada', 'Grace'],
      ['1', 'Grace', undefined],
    ],
  )
  await Promise.all([bus.close(), watcher.bus.close()])
})

test('a table is ready when what was in its topic has been read', async () => {
  const broker = memoryBroker({ partitions: 3 })
  const { bus: publisher } = testBus({ broker, name: 'publisher' })
  await publisher.start()
  await publisher.publishBatch(
    User,
    Array.from({ length: 3_000 }, (_, id) => ({ id: String(id % 1_000), name: String(id) })),
  )
  await publisher.close()
  const { bus } = testBus({ broker })
  const users = bus.table(User)
  await bus.start()
  await deadline(5_000, 'the table', users.ready)
  assert.is((await all(users.entries())).length, 1_000)
  assert.is((await users.get('7'))?.name, '2007')
  await bus.close()
})

test('an operator that throws is tried again, then its record is a dead letter, and the stream goes on', async () => {
  const broker = memoryBroker({ partitions: 1 })
  const { bus } = testBus({ broker })
  const dead = collected<Click>(broker, 'clicked.stats.dlq')
  const calls: string[] = []
  const counts = bus
    .stream(Clicked, { group: 'stats' })
    .keyed()
    .mapValues(each => {
      calls.push(each.page)
      if (each.page === 'bad') throw new BusbarError('PAYLOAD_INVALID', 'no such page')
      if (each.page === 'once' && calls.filter(page => page === 'once').length === 1) throw new Error('once')
      return each
    })
    .groupByKey()
    .count({ store: 'counts' })
  await bus.start()
  for (const page of ['a', 'bad', 'once', 'b']) await bus.publish(Clicked, click('ada', 0, page))
  await eventually(async () => assert.is(await counts.get('ada'), 3), { timeoutMs: 4_000 })
  assert.equal(calls, ['a', 'bad', 'once', 'once', 'b'])
  const Dead = bus.deadLetters('stats', { topics: ['clicked'] })
  const letters = await Dead.list()
  assert.equal(
    letters.map(({ code, event, group }) => [code, event, group]),
    [['PAYLOAD_INVALID', 'clicked', 'stats']],
  )
  void dead
  await bus.close()
})

test('what cannot be stored makes a dead letter of its record: a result that is too large', async () => {
  const broker = memoryBroker({ partitions: 1 })
  const { bus } = testBus({ broker })
  const Out = defineEvent<string>('out', { topic: { name: 'out', config: { 'max.message.bytes': '2000' } } })
  const watcher = collected<string>(broker, 'out')
  bus
    .stream(Clicked, { group: 'stats' })
    .keyed()
    .mapValues(({ page }) => (page === 'large' ? 'x'.repeat(10_000) : page))
    .to(Out)
  await bus.start()
  await watcher.bus.start()
  for (const page of ['a', 'large', 'b']) await bus.publish(Clicked, click('ada', 0, page))
  await eventually(() => assert.equal(watcher.values, ['a', 'b']), { timeoutMs: 5_000 })
  const letters = await bus.deadLetters('stats', { topics: ['clicked'] }).list()
  assert.equal(
    letters.map(({ code }) => code),
    ['RECORD_TOO_LARGE'],
  )
  await Promise.all([bus.close(), watcher.bus.close()])
})

test('late records are dropped and told', async () => {
  const { bus } = testBus()
  const dropped: string[] = []
  const counts = bus
    .stream(Clicked, {
      group: 'stats',
      timestamp,
      onDropped: ({ reason, timestampMs }) => dropped.push(`${reason} ${timestampMs}`),
    })
    .groupByKey()
    .windowedBy(tumbling({ sizeMs: 10 }))
    .count({ store: 'counts' })
  await bus.start()
  for (const at of [1, 30, 2]) await bus.publish(Clicked, click('ada', at))
  await bus.publish(Clicked, click('ada', Number.NaN))
  await eventually(() => assert.equal(dropped, ['late 2', 'no-time null']))
  // What is dropped is told at once, and what is counted can be asked for once it is committed.
  await eventually(async () => assert.is(await counts.get('ada', 0), 1))
  await bus.close()
})

function refuses(work: () => unknown, code: BusbarErrorCode, message: RegExp): void {
  assert.match(throws(work, code).message, message)
}

test('contradictions are refused where they are made', async () => {
  const { bus } = testBus()
  bus.subscribe(Clicked, { group: 'plain' }, () => {})
  refuses(() => bus.stream(Clicked, { group: 'plain' }).keyed(), 'CONFIG_INVALID', /group of its own/)
  const clicks = bus.stream(Clicked, { group: 'stats' })
  clicks.groupByKey().count({ store: 'counts' })
  refuses(() => bus.subscribe(User, { group: 'stats' }, () => {}), 'CONFIG_INVALID', /group of its own/)
  refuses(() => clicks.groupByKey().count({ store: 'counts' }), 'CONFIG_INVALID', /has a store named counts/)
  refuses(() => clicks.groupByKey().count({ store: 'a/b' }), 'CONFIG_INVALID', /cannot be the name/)
  refuses(() => bus.stream([Clicked, User]).keyed(), 'CONFIG_INVALID', /merge/)
  refuses(() => bus.stream(Clicked, { group: false }).keyed(), 'CONFIG_INVALID', /need a group/)
  refuses(() => bus.stream(Clicked, { group: 'a/b' }).keyed(), 'TOPIC_INVALID', /a\/b/)
  const others = bus.stream(User, { group: 'others' }).keyed()
  refuses(
    () => clicks.keyed().join(others, { store: 'j', withinMs: 1 }, () => 0),
    'CONFIG_INVALID',
    /one side is of group stats/,
  )
  await bus.start()
  refuses(() => clicks.groupByKey().count({ store: 'late' }), 'CONFIG_INVALID', /before the bus starts/)
  await bus.close()
})

test('topics that are joined must have equally many partitions', async () => {
  const One = defineEvent<string>('one', { topic: { name: 'one', partitions: 1 } })
  const Two = defineEvent<string>('two', { topic: { name: 'two', partitions: 2 } })
  const { bus } = testBus()
  const one = bus.stream(One, { group: 'g' }).keyed()
  one.join(bus.stream(Two, { group: 'g' }).keyed(), { store: 'j', withinMs: 1 }, () => 0)
  const error = await bus.start().catch((thrown: unknown) => thrown)
  assert.is((error as BusbarError).code, 'TOPIC_MISMATCH')
  assert.match((error as BusbarError).message, /join j: one has 1 partitions and two has 2/)
  await bus.close()
})

test('instances that share a store wait for each other when a partition moves', async () => {
  const broker = memoryBroker({ partitions: 4 })
  const state = memoryState()
  const make = () => {
    const { bus } = testBus({ broker, state })
    return { bus, counts: bus.stream(Clicked, { group: 'stats' }).groupByKey().count({ store: 'counts' }) }
  }
  const first = make()
  await first.bus.start()
  for (let user = 0; user < 20; user += 1) await first.bus.publish(Clicked, click(String(user), 0))
  const second = make()
  await second.bus.start()
  for (let user = 0; user < 20; user += 1) await second.bus.publish(Clicked, click(String(user), 0))
  await eventually(async () => {
    const counts = [...(await all(first.counts.entries())), ...(await all(second.counts.entries()))]
    assert.equal(
      Object.fromEntries(counts),
      Object.fromEntries(Array.from({ length: 20 }, (_, user) => [user, 2])),
    )
  })
  await first.bus.close()
  for (let user = 0; user < 20; user += 1) await second.bus.publish(Clicked, click(String(user), 0))
  await eventually(async () => {
    const counts = await all(second.counts.entries())
    assert.equal(
      Object.fromEntries(counts),
      Object.fromEntries(Array.from({ length: 20 }, (_, user) => [user, 3])),
    )
  })
  await second.bus.close()
})

test.run()
