import { defineEvent, hopping, memoryState, type StateProvider } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { expectTypeOf } from 'expect-type'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from '../support/assertions.js'
import { testBus } from '../support/bus.js'

const test = suite('streams with a state, used in other ways')

const Clicked = defineEvent<{ user: string; at: number }>('clicked', { key: click => click.user })
const User = defineEvent<{ id: string; name: string }>('user', { key: user => user.id })
const tooLate = /must be declared before the bus starts/

function refuses(work: () => unknown, why: RegExp): void {
  assert.match(throws(work, 'CONFIG_INVALID').message, why)
}

test('a group whose first operator comes after the start is refused: nothing would run it', async () => {
  const { bus } = testBus()
  await bus.start()
  refuses(() => bus.stream(Clicked).keyed(), tooLate)
  refuses(() => bus.table(User, { group: 'another' }), tooLate)
  await bus.close()
  throws(() => bus.table(User), 'BUS_CLOSED')
})

test('operators are refused after the start, also those that keep nothing', async () => {
  const { bus } = testBus()
  const clicks = bus.stream(Clicked).keyed()
  const users = bus.table(User)
  await bus.start()
  let calls = 0
  const called = () => {
    calls += 1
    return true
  }
  for (const use of [
    () => clicks.filter(called),
    () => clicks.mapValues(called),
    () => clicks.forEach(called),
    () => clicks.merge(clicks),
    () => clicks.join(users, called),
    () => users.toStream(),
  ])
    refuses(use, tooLate)
  await bus.publish(Clicked, { user: 'a', at: 1 })
  await eventually(async () => assert.is((await bus.deadLetters().list()).length, 0))
  await bus.close()
  assert.is(calls, 0)
})

test('names and numbers that could only fail later are refused where they are given', () => {
  const { bus } = testBus()
  const clicks = bus.stream(Clicked).keyed()
  const key = () => 'k'
  refuses(() => clicks.groupBy(key, { name: 'a b' }), /cannot be the name/)
  refuses(() => clicks.groupBy(key, { name: 'a', partitions: 0 }), /"partitions"/)
  refuses(() => clicks.groupByKey().count({} as never), /cannot be the name of a store/)
  refuses(() => hopping({ sizeMs: 86_400_000, advanceMs: 1 }), /86400000 windows/)
})

test('a callback that throws for a dropped record does not fail the record', async () => {
  const { bus, lines } = testBus()
  const told: string[] = []
  const onDropped = ({ reason }: { readonly reason: string }) => {
    told.push(reason)
    throw new Error('of the callback')
  }
  const counts = bus
    .stream(Clicked, { timestamp: ({ at }) => at, onDropped })
    .groupByKey()
    .count({ store: 'c' })
  await bus.start()
  await bus.publish(Clicked, { user: 'a', at: -1 })
  await bus.publish(Clicked, { user: 'a', at: 1 })
  await deadline(2_000, 'the count', () => eventually(async () => assert.is(await counts.get('a'), 1)))
  assert.equal(told, ['no-time'])
  assert.is(lines.filter(({ level }) => level === 'error').length, 1)
  await bus.close()
})

test('a table that tells of a change answers with it', async () => {
  const { bus } = testBus()
  const counts = bus.stream(Clicked).groupByKey().count({ store: 'c' })
  const seen: unknown[] = []
  const ask = async (key: string, value: number | undefined) => {
    const found = await counts.get(key)
    const entries: number[] = []
    for await (const [, each] of counts.entries()) entries.push(each)
    seen.push([value, found, ...entries])
  }
  counts.subscribe(({ key, value }) => void ask(key, value))
  await bus.start()
  for (const at of [1, 2, 3]) {
    await bus.publish(Clicked, { user: 'a', at })
    await eventually(() => assert.is(seen.length, at))
  }
  assert.equal(seen, [
    [1, 1, 1],
    [2, 2, 2],
    [3, 3, 3],
  ])
  await bus.close()
})

test('a joiner may be asynchronous', async () => {
  const { bus } = testBus()
  const got: string[] = []
  const clicks = bus.stream(Clicked).keyed()
  const joined = clicks.leftJoin(bus.table(User), async (click, user) => `${click.user} ${user?.name}`)
  expectTypeOf(joined.forEach).parameter(0).parameter(0).toEqualTypeOf<string>()
  joined.forEach(each => void got.push(each))
  clicks
    .join(clicks, { store: 'pairs', withinMs: 0 }, async (one, other) => `${one.at}=${other.at}`)
    .forEach(each => void got.push(each))
  await bus.start()
  await bus.publish(Clicked, { user: 'a', at: 1 })
  await eventually(() => assert.equal(got, ['a undefined', '1=1']))
  await bus.close()
})

test('a left join does not read what waits for its window at every record', async () => {
  const { bus } = testBus()
  let reads = 0
  let stored = 0
  const memory = memoryState()
  const state: StateProvider = {
    ...memory,
    open: async id => {
      const store = await memory.open(id)
      const [scan, write] = [store.scan.bind(store), store.write.bind(store)]
      store.write = async (changes, checkpoint) => {
        await write(changes, checkpoint)
        // Of each record: what waits, and the record with its time.
        stored += changes.length / 3
      }
      store.scan = async function* (range) {
        for await (const entry of scan(range)) {
          reads += 1
          yield entry
        }
      }
      return store
    },
  }
  const timestamp = ({ at }: { readonly at: number }) => at
  const clicks = bus.stream(Clicked, { timestamp }).keyed()
  const got: number[] = []
  const options = { store: 'waiting', state, withinMs: { beforeMs: 0, afterMs: 5_000 } }
  clicks
    .leftJoin(
      clicks.filter(() => false),
      options,
      one => one.at,
    )
    .forEach(at => void got.push(at))
  await bus.start()
  const at = Array.from({ length: 300 }, (_, each) => each + 1)
  const publish = (times: readonly number[]) =>
    bus.publishBatch(
      Clicked,
      times.map(each => ({ user: `u${each}`, at: each })),
    )
  await publish(at.slice(0, 200))
  // Committed by then, and so in the store.
  await eventually(() => assert.is(stored, 200))
  await publish([...at.slice(200), 5_300])
  await eventually(() => assert.equal(got, at.slice(0, 299)))
  assert.ok(reads < 3_000, `${reads} entries were read for 301 records`)
  await bus.close()
})

test.run()
