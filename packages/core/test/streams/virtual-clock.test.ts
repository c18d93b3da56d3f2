import { type Bus, defineEvent, sessions, tumbling, type Window } from '@busbar/core'
import { overSeeds, SeededRandom, type TestBus } from '@busbar/core/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { closedSessions, outerJoin, type Sided, windowCounts, wordCounts } from './batch-results.js'

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

interface Ad {
  readonly id: string
  readonly at: number
}
interface Count {
  readonly window: string
  readonly count: number
}
const Tumbling = defineEvent<Count>('tumbling')
const Sessions = defineEvent<Count>('sessions')

/** Times that go forward, with many out of order and some very late. */
function ads(random: SeededRandom): readonly (Ad & { readonly isShown: boolean; readonly key: string })[] {
  let now = 0
  return Array.from({ length: 10 + random.below(40) }, (_, index) => {
    now += random.below(8)
    const back = random.below(10) === 0 ? random.below(60) : random.below(12)
    return {
      id: String(index),
      at: Math.max(0, now - back),
      isShown: random.below(2) === 0,
      key: `k${random.below(5)}`,
    }
  })
}

/** The input by partition, as its log has it: publishes that fail and are tried again change their order. */
function logged(t: TestBus): readonly (readonly Sided[])[] {
  const records = t.broker.records('ads').map(({ key, value, headers, partition }) => {
    const { id, at } = JSON.parse(Buffer.from(value ?? []).toString()) as Ad
    const side = Buffer.from(headers['ce_type'] as Uint8Array).toString() === 'shown' ? 'left' : 'right'
    return { key: Buffer.from(key ?? []).toString(), timeMs: at, id, side, partition } as const
  })
  return Array.from({ length: partitions }, (_, partition) =>
    records.filter(each => each.partition === partition),
  )
}

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
          const windowed = (count: number, { key, window }: { key: string; window: Window }) => ({
            window: `${key}@${window.startMs}-${window.endMs}`,
            count,
          })
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
        ads(random).map(
          ({ id, at, isShown, key }) =>
            bus =>
              bus.publish(isShown ? Shown : Clicked, { id, at }, { key }),
        ),
      )
      const input = logged(t)
      // The last update of a window, which must be its only one with that count.
      const updates = valuesIn<Count>(t, 'tumbling').map(({ value }) => value)
      const counted: Record<string, number> = {}
      for (const { window, count } of updates) counted[window] = count
      const expected = merged(input.map(each => windowCounts(each, { sizeMs, advanceMs: sizeMs, graceMs })))
      assert.equal(sorted(counted), sorted(expected), 'tumbling windows')
      assert.is(
        updates.length,
        Object.values(expected).reduce((sum, count) => sum + count, 0),
        'each update once',
      )
      const finals = valuesIn<Count>(t, 'sessions').map(
        ({ value: { window, count } }) => `${window}=${count}`,
      )
      const closed = input.flatMap(each => closedSessions(each, { gapMs, graceMs }))
      assert.equal(finals.sort(), closed.sort(), 'final sessions')
      const pairs = valuesIn<string>(t, 'joined').map(({ value }) => value)
      assert.equal(
        pairs.sort(),
        input.flatMap(each => outerJoin(each, { ...within, graceMs })).sort(),
        'pairs',
      )
    },
    options,
  ))

function merged(counts: readonly Record<string, number>[]): Record<string, number> {
  return Object.assign({}, ...counts) as Record<string, number>
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1)))
}

test.run()
