import { type Bus, BusbarError, type Codec, defineEvent, tumbling } from '@busbar/core'
import { overSeeds, SeededRandom, type TestBus } from '@busbar/core/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('redrive of streams with a state')

interface Click {
  readonly user: string
  readonly page: string
}
const Clicked = defineEvent<Click>('clicked', { key: click => click.user })
const Counted = defineEvent<number>('counted')
const partitions = 3
const users = ['ada', 'bob', 'cy', 'di', 'ed', 'flo']

/** Counts clicks by user; a page that is `broken` fails for good. */
function counting(bus: Bus, broken: ReadonlySet<string>) {
  const counts = bus
    .stream(Clicked, { group: 'stats' })
    .keyed()
    .filter(({ page }) => {
      if (broken.has(page)) throw new BusbarError('PAYLOAD_INVALID', `no page ${page}`)
      return true
    })
    .groupByKey()
    .count({ store: 'counts' })
  counts.to(Counted)
  return counts
}

function updatesIn(t: TestBus): Record<string, number[]> {
  const updates: Record<string, number[]> = {}
  for (const { key, value } of t.broker.topics().includes('counted') ? t.broker.records('counted') : []) {
    const user = Buffer.from(key ?? []).toString()
    updates[user] = [...(updates[user] ?? []), JSON.parse(Buffer.from(value ?? []).toString()) as number]
  }
  return updates
}

/** What a promise resolves with, moving the clock until it does. */
async function done<T>(t: TestBus, work: Promise<T>): Promise<T> {
  await t.clock.until(work, 'a call')
  return work
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

async function running(t: TestBus, prepare: (bus: Bus) => void, name = 'service'): Promise<Bus> {
  const bus = t.bus(name)
  prepare(bus)
  await t.clock.until(bus.start(), 'starting')
  return bus
}

test('fail, dead letter, mend, replay: counted once, and what was there is not counted again', () =>
  overSeeds(
    1,
    async t => {
      const broken = new Set(['bad'])
      let counts: ReturnType<typeof counting> | undefined
      const bus = await running(t, each => {
        counts = counting(each, broken)
      })
      for (const page of ['a', 'bad', 'b'])
        await t.clock.until(bus.publish(Clicked, { user: 'ada', page }), 'publishing')
      await t.drain()
      assert.equal(updatesIn(t), { ada: [1, 2] })
      const letters = bus.deadLetters('stats')
      const [letter, ...others] = await done(t, letters.list())
      assert.is(others.length, 0)
      assert.equal(
        [letter?.subscription, letter?.event, letter?.code, letter?.attempts, letter?.redrives],
        ['stats/streams', 'clicked', 'PAYLOAD_INVALID', 1, 0],
      )
      // Before it is mended: a dead letter again, with its counters, of the same original.
      assert.is((await done(t, letters.replay())).replayed, 1)
      await t.drain()
      const [again, ...more] = await done(t, letters.list())
      assert.is(more.length, 0)
      assert.equal(
        [again?.redrives, again?.attempts, again?.origin, again?.id],
        [1, 1, letter?.origin, letter?.id],
      )
      broken.clear()
      assert.is((await done(t, letters.replay())).replayed, 1)
      await t.drain()
      assert.equal(updatesIn(t), { ada: [1, 2, 3] })
      assert.is(await done(t, counts?.get('ada') as Promise<number>), 3)
      assert.equal(await done(t, letters.list()), [])
    },
    { partitions },
  ))

/** Publishes where the user is by our own choice, which is not what the key leads to. */
async function publish(bus: Bus, click: Click): Promise<void> {
  const record = await bus.encode(Clicked, click)
  await bus.send([{ ...record, partition: users.indexOf(click.user) % partitions }])
}

test('replays by two operators at once, while instances crash and partitions move: each counts once', () =>
  overSeeds(
    200,
    async t => {
      const random = new SeededRandom(t.seed)
      const broken = new Set(['bad'])
      const instances: Bus[] = []
      const add = async () => void instances.push(await running(t, bus => void counting(bus, broken)))
      const disturb = async () => {
        await t.clock.advance(random.below(15))
        const dice = random.below(6)
        if (dice === 0) await t.group('stats').rebalance()
        if (dice > 1 || instances.length === 0) return
        await t.crash(instances.splice(random.below(instances.length), 1)[0] as Bus)
        await add()
      }
      await add()
      await add()
      const clicks = Array.from({ length: 10 + random.below(20) }, () => ({
        user: random.pick(users),
        page: random.below(3) === 0 ? 'bad' : 'good',
      }))
      const [one, other] = [await running(t, () => {}, 'one'), await running(t, () => {}, 'other')]
      for (const click of clicks) {
        await done(t, publish(one, click))
        if (random.below(4) === 0) await disturb()
      }
      await t.drain()
      const lettersOf = (bus: Bus) => bus.deadLetters('stats', { topics: ['clicked'] })
      const bad = clicks.filter(({ page }) => page === 'bad')
      assert.is((await done(t, lettersOf(one).list())).length, bad.length, 'dead letters')
      // Some have a round in vain.
      if (random.below(2) === 0) await done(t, lettersOf(one).replay({}, { perSecond: 1_000 }))
      await disturb()
      broken.clear()
      await t.drain()
      const replays = Promise.all([one, other].map(bus => lettersOf(bus).replay({}, { perSecond: 200 })))
      await disturb()
      await disturb()
      await done(t, replays)
      await t.drain()
      // Of what failed again since nobody had mended it when it came.
      await done(t, lettersOf(one).replay())
      await t.drain()
      assert.equal(await done(t, lettersOf(one).list()), [])
      const expected = users.flatMap(user => {
        const count = clicks.filter(each => each.user === user).length
        return count === 0 ? [] : [[user, upTo(count)] as const]
      })
      const updates = Object.entries(updatesIn(t))
      assert.equal(
        updates.sort(([a], [b]) => (a < b ? -1 : 1)),
        expected.sort(([a], [b]) => (a < b ? -1 : 1)),
      )
    },
    { partitions, realTimeoutMs: 0, commitIntervalMs: 5, chaos: { commitLost: 0.02 } },
  ))

test('its event time is that of its original: late where its window has closed', () =>
  overSeeds(
    1,
    async t => {
      const broken = new Set(['bad', 'worse'])
      const dropped: string[] = []
      const bus = await running(t, each => {
        each
          .stream(Clicked, {
            group: 'stats',
            onDropped: ({ reason, topic, offset }) => dropped.push(`${reason} ${topic}@${offset}`),
          })
          .keyed()
          .filter(({ page }) => {
            if (broken.has(page)) throw new BusbarError('PAYLOAD_INVALID', 'no')
            return true
          })
          .groupByKey()
          .windowedBy(tumbling({ sizeMs: 1_000, graceMs: 500 }))
          .count({ store: 'windows' })
          .to(Counted, (count, { window }) => window.startMs + count)
      })
      const start = Math.ceil(t.clock.now / 1_000) * 1_000
      await t.clock.advance(start - t.clock.now)
      for (const [page, afterMs] of [
        ['bad', 0],
        ['a', 1_200],
        ['worse', 0],
      ] as const) {
        await t.clock.advance(afterMs)
        await done(t, bus.publish(Clicked, { user: 'ada', page }))
      }
      await t.drain()
      broken.delete('bad')
      await done(t, bus.deadLetters('stats').replay({ where: ({ origin }) => origin.offset === 0 }))
      await t.drain()
      // Its window of the first second is open still, by the clock of the events.
      assert.equal(Object.values(updatesIn(t)), [[start + 1_001, start + 1]])
      await t.clock.advance(5_000)
      broken.clear()
      await done(t, bus.publish(Clicked, { user: 'ada', page: 'later' }))
      await done(t, bus.deadLetters('stats').replay())
      await t.drain()
      assert.equal(dropped, ['late clicked@2'])
    },
    { partitions: 1 },
  ))

test('a table keeps a newer value, and takes one that came back where it has none', () =>
  overSeeds(
    1,
    async t => {
      const schema = { isMended: false }
      const codec: Codec<string> = {
        contentType: 'text/plain',
        encode: value => Buffer.from(value),
        decode: bytes => {
          const text = Buffer.from(bytes).toString()
          if (text.startsWith('odd') && !schema.isMended) throw new BusbarError('DECODE_FAILED', 'odd')
          return text
        },
      }
      const Strict = defineEvent('named', { schema: codec })
      const bus = t.bus('service')
      const dropped: string[] = []
      const names = bus.table(Strict, { group: 'names' })
      bus.stream(Strict, { group: 'names', onDropped: ({ reason }) => dropped.push(reason) }).keyed()
      await t.clock.until(bus.start(), 'starting')
      for (const [name, key] of [
        ['odd 1', 'a'],
        ['newer', 'a'],
        ['odd 2', 'b'],
      ] as const) {
        await t.clock.advance(10)
        await done(t, bus.publish(Strict, name, { key }))
      }
      await t.drain()
      assert.is((await done(t, bus.deadLetters('names').list())).length, 2)
      schema.isMended = true
      await done(t, bus.deadLetters('names').replay())
      await t.drain()
      assert.equal([await done(t, names.get('a')), await done(t, names.get('b'))], ['newer', 'odd 2'])
      assert.equal(dropped, ['superseded'])
    },
    { partitions: 1 },
  ))

test('a record that fails behind a topic of the group comes back there', () =>
  overSeeds(
    1,
    async t => {
      const broken = new Set(['worse'])
      const bus = await running(t, each => {
        each
          .stream(Clicked, { group: 'stats' })
          .groupBy(({ page }) => page, { name: 'pages' })
          .aggregate({
            store: 'pages',
            initial: () => 0,
            add: (count, { page }) => {
              if (broken.has(page)) throw new BusbarError('PAYLOAD_INVALID', 'no')
              return count + 1
            },
          })
          .to(Counted)
      })
      for (const page of ['good', 'worse', 'good']) await done(t, bus.publish(Clicked, { user: 'ada', page }))
      await t.drain()
      const letters = bus.deadLetters('stats')
      const [letter, ...others] = await done(t, letters.list())
      assert.equal([letter?.origin.topic, others.length], ['stats.pages.repartition', 0])
      broken.clear()
      await done(t, letters.replay())
      await t.drain()
      assert.equal(updatesIn(t), { good: [1, 2], worse: [1] })
    },
    { partitions },
  ))

test.run()
