import { type Bus, defineEvent, sessions, tumbling, type Window } from '@busbar/core'
import { overSeeds, SeededRandom, type TestBus } from '@busbar/core/testing'
import { type Ad, adResults, randomAds, wordCounts } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite(
  'random inputs on the in-memory transport: instances crash, join, leave and lose their partitions',
)
/** Few, as part of the suite; `STREAM_SEEDS=1000` runs what docs/results/streams.md tells of. */
const seeds = Number(process.env['STREAM_SEEDS'] ?? 150)
const partitions = 3
const options = {
  partitions,
  realTimeoutMs: 0,
  commitIntervalMs: 5,
  chaos: { commitLost: 0.02, rebalance: 0.01 },
} as const

const Line = defineEvent<string>('line')
const Counted = defineEvent<number>('counted')
const Shown = defineEvent<Ad>('shown', { topic: 'ads' })
const Clicked = defineEvent<Ad>('clicked', { topic: 'ads' })
const Joined = defineEvent<string>('joined')

/** Runs instances of a service over a broker while the input is published, and disturbs them. */
async function disturbed(
  t: TestBus,
  random: SeededRandom,
  declare: (bus: Bus) => void,
  publish: readonly ((bus: Bus) => Promise<unknown>)[],
): Promise<void> {
  const publisher = t.bus('publisher')
  await t.clock.until(publisher.start(), 'starting the publisher')
  const instances: Bus[] = []
  const add = async () => {
    const bus = t.bus('service')
    declare(bus)
    instances.push(bus)
    await t.clock.until(bus.start(), 'starting an instance')
  }
  await add()
  await add()
  const without = (bus: Bus) => instances.splice(instances.indexOf(bus), 1)
  for (const each of publish) {
    await t.clock.until(each(publisher), 'publishing')
    const dice = random.below(40)
    if (dice < 10) await t.clock.advance(random.below(20))
    else if (dice === 10) await t.group('service').rebalance()
    else if (dice === 14) compact(t)
    else if (dice === 11 && instances.length < 4) await add()
    else if (dice === 12) {
      const bus = random.pick(instances)
      await t.crash(bus)
      without(bus)
      if (instances.length === 0) await add()
    } else if (dice === 13 && instances.length > 1) {
      const bus = random.pick(instances)
      without(bus)
      await t.clock.until(bus.close(), 'closing an instance')
    }
  }
  t.faults.chaos = {}
  await t.drain()
}

/** What a broker does to changelogs now and then. */
function compact(t: TestBus): void {
  for (const topic of t.broker.topics()) if (topic.endsWith('.changelog')) t.broker.compact(topic)
}

function valuesIn<T>(t: TestBus, topic: string): { readonly key: string; readonly value: T }[] {
  if (!t.broker.topics().includes(topic)) return []
  return t.broker.records(topic).map(({ key, value }) => ({
    key: Buffer.from(key ?? []).toString(),
    value: JSON.parse(Buffer.from(value ?? []).toString()) as T,
  }))
}

test('word count: each update is published once', () =>
  overSeeds(
    seeds,
    async t => {
      const random = new SeededRandom(t.seed)
      const lines = Array.from({ length: 5 + random.below(20) }, () =>
        Array.from({ length: 1 + random.below(4) }, () => `w${random.below(6)}`).join(' '),
      )
      await disturbed(
        t,
        random,
        bus => {
          bus
            .stream(Line)
            .keyed()
            .flatMapValues(line => line.split(' '))
            .groupBy(word => word, { name: 'words' })
            .count({ store: 'counts' })
            .to(Counted)
        },
        lines.map(line => bus => bus.publish(Line, line, { key: `k${random.below(5)}` })),
      )
      const updates: Record<string, number[]> = {}
      for (const { key, value } of valuesIn<number>(t, 'counted'))
        updates[key] = [...(updates[key] ?? []), value]
      const expected = Object.entries(wordCounts(lines)).map(([word, count]) => [
        word,
        Array.from({ length: count }, (_, index) => index + 1),
      ])
      assert.equal(sorted(updates), sorted(Object.fromEntries(expected) as Record<string, number[]>))
    },
    options,
  ))
const Sold = defineEvent<string>('sold')
const Returned = defineEvent<string>('returned')

test('records of two topics that change one store: their changes are in the changelog in the order of their processing', () =>
  overSeeds(
    Math.ceil(seeds / 5),
    async t => {
      const random = new SeededRandom(t.seed)
      const count = 20 + random.below(40)
      const keys = Array.from({ length: count }, () => `k${random.below(4)}`)
      await disturbed(
        t,
        random,
        bus => {
          const sold = bus.stream(Sold).keyed()
          sold.merge(bus.stream(Returned).keyed()).groupByKey().count({ store: 'counts' }).to(Counted)
        },
        keys.map((key, index) => bus => bus.publish(index % 2 ? Sold : Returned, 'x', { key })),
      )
      const updates: Record<string, number[]> = {}
      for (const { key, value } of valuesIn<number>(t, 'counted'))
        updates[key] = [...(updates[key] ?? []), value]
      const expected = Object.entries(wordCounts(keys)).map(([key, each]) => [
        key,
        Array.from({ length: each }, (_, index) => index + 1),
      ])
      assert.equal(sorted(updates), sorted(Object.fromEntries(expected) as Record<string, number[]>))
    },
    options,
  ))

const Tumbling = defineEvent<string>('tumbling')
const Sessions = defineEvent<string>('sessions')

test('counts by windows and a join of impressions and clicks, of out-of-order and late events', () =>
  overSeeds(
    seeds,
    async t => {
      const random = new SeededRandom(t.seed)
      const graceMs = random.below(20)
      const sizeMs = 1 + random.below(25)
      const gapMs = 1 + random.below(8)
      const within = { beforeMs: random.below(8), afterMs: random.below(12) }
      const timestamp = ({ at }: Ad) => at
      await disturbed(
        t,
        random,
        bus => {
          const shown = bus.stream(Shown, { timestamp }).keyed()
          const clicked = bus.stream(Clicked, { timestamp }).keyed()
          const both = shown.merge(clicked).groupByKey()
          const windowed = (count: number, { key, window }: { key: string; window: Window }) =>
            `${key}@${window.startMs}-${window.endMs}=${count}`
          both.windowedBy(tumbling({ sizeMs, graceMs })).count({ store: 'tumbling' }).to(Tumbling, windowed)
          const bySession = both
            .windowedBy(sessions({ gapMs, graceMs }))
            .count({ store: 'sessions', emit: 'final' })
          bySession.to(Sessions, windowed)
          shown
            .outerJoin(
              clicked,
              { store: 'join', withinMs: within, graceMs },
              (one, other) => `${one?.id ?? '-'}+${other?.id ?? '-'}`,
            )
            .to(Joined)
        },
        randomAds(random, 10 + random.below(40)).map(
          ({ key, ad }) =>
            bus =>
              bus.publish(ad.side === 'left' ? Shown : Clicked, ad, { key }),
        ),
      )
      const published = (topic: string) =>
        valuesIn<string>(t, topic)
          .map(({ value }) => value)
          .sort()
      // The log has its own order: publishes that fail and are tried again change it.
      const expected = adResults(t.broker.records('ads'), { sizeMs, gapMs, graceMs, ...within })
      assert.equal(published('tumbling'), expected.tumbling, 'each update of the tumbling windows, once')
      assert.equal(published('sessions'), expected.sessions, 'final sessions')
      assert.equal(published('joined'), expected.joined, 'pairs')
    },
    options,
  ))

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1)))
}

test.run()
