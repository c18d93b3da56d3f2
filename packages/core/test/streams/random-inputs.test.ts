import { defineEvent, hopping, partitionOfKey, sessions, tumbling, type WindowedTable } from '@busbar/core'
import { SeededRandom } from '@busbar/core/testing'
import { outerJoin, type Sided, sessionCounts, type Timed, windowCounts, wordCounts } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TaskDriver } from './task-driver.js'

const test = suite('random inputs: the same as a batch computation, with crashes and moves at random points')
/** `STREAM_SEEDS=1000`: as many as docs/results/streams.md tells of. */
const seeds = Array.from({ length: Number(process.env['STREAM_SEEDS'] ?? 300) }, (_, index) => index + 1)

const Line = defineEvent<string>('line')
const Counted = defineEvent<number>('counted')
const Impression = defineEvent<string>('impression')
const Click = defineEvent<string>('click')
const Joined = defineEvent<string>('joined')

/** Processes everything; meanwhile holders crash, or are replaced, before and behind a commit. */
async function runWithFaults(driver: TaskDriver, random: SeededRandom): Promise<void> {
  let idle = 0
  while (idle < 3 * driver.partitions) {
    const partition = random.below(driver.partitions)
    const dice = random.below(100)
    if (dice < 70) {
      idle = (await driver.step(partition)) ? 0 : idle + 1
    } else if (dice < 90) {
      driver.commit(partition)
    } else if (dice < 95) {
      await driver.crash(partition)
    } else {
      driver.commit(partition, false)
      await driver.crash(partition)
    }
  }
  await driver.run(1 + random.below(5))
}

/** Times that go forward, with many out of order and some very late. */
function times(random: SeededRandom, count: number): number[] {
  let now = 0
  return Array.from({ length: count }, () => {
    now += random.below(8)
    const back = random.below(10) === 0 ? random.below(60) : random.below(12)
    return Math.max(0, now - back)
  })
}

const keyOf = (random: SeededRandom): string => `k${random.below(4)}`

async function forEachSeed(work: (random: SeededRandom) => Promise<void>): Promise<void> {
  for (const seed of seeds) {
    try {
      await work(new SeededRandom(seed))
    } catch (thrown) {
      throw new Error(
        `seed ${seed}: ${(thrown as Error).message}\n${(thrown as { details?: string }).details ?? ''}`,
        { cause: thrown },
      )
    }
  }
}

test('word count, through a repartition topic', () =>
  forEachSeed(async random => {
    const driver = new TaskDriver({ partitions: 1 + random.below(3) })
    const table = driver
      .stream(Line)
      .flatMapValues(line => line.split(' '))
      .groupBy(word => word, { name: 'words' })
      .count({ store: 'counts' })
    table.to(Counted)
    const lines = Array.from({ length: 1 + random.below(12) }, () =>
      Array.from({ length: 1 + random.below(4) }, () => `w${random.below(6)}`).join(' '),
    )
    for (const line of lines) driver.publish(Line, keyOf(random), line, random.below(100))
    await runWithFaults(driver, random)
    const expected = wordCounts(lines)
    const counted: Record<string, number> = {}
    for await (const [word, count] of table.entries()) counted[word] = count
    assert.equal(sorted(counted), sorted(expected))
    const updates: Record<string, number[]> = {}
    for (const { key, value } of driver.records('counted')) {
      const word = Buffer.from(key ?? []).toString()
      const counts = updates[word] ?? []
      updates[word] = [...counts, Number(Buffer.from(value ?? []).toString())]
    }
    for (const [word, counts] of Object.entries(updates))
      assert.equal(
        counts,
        Array.from({ length: expected[word] ?? 0 }, (_, index) => index + 1),
        `updates of ${word}`,
      )
  }))

function byPartition<T extends Timed>(records: readonly T[], partitions: number): readonly (readonly T[])[] {
  return Array.from({ length: partitions }, (_, partition) =>
    records.filter(({ key }) => partitionOfKey(Buffer.from(key), partitions) === partition),
  )
}

async function countsOf(table: WindowedTable<number>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for await (const { key, window, value } of table.entries())
    counts[`${key}@${window.startMs}-${window.endMs}`] = value
  return counts
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1)))
}

test('counts by tumbling, hopping and session windows, with out-of-order and late records', () =>
  forEachSeed(async random => {
    const partitions = 1 + random.below(3)
    const driver = new TaskDriver({ partitions })
    const graceMs = random.below(20)
    const advanceMs = 1 + random.below(10)
    const sizeMs = advanceMs + random.below(15)
    const gapMs = 1 + random.below(8)
    const grouped = driver.stream(Click).groupByKey()
    const tables = {
      tumbling: grouped.windowedBy(tumbling({ sizeMs, graceMs })).count({ store: 'tumbling' }),
      hopping: grouped.windowedBy(hopping({ sizeMs, advanceMs, graceMs })).count({ store: 'hopping' }),
      sessions: grouped.windowedBy(sessions({ gapMs, graceMs })).count({ store: 'sessions' }),
    }
    const records: Timed[] = times(random, 5 + random.below(30)).map(timeMs => ({
      key: keyOf(random),
      timeMs,
    }))
    for (const { key, timeMs } of records) driver.publish(Click, key, 'v', timeMs)
    await runWithFaults(driver, random)
    const expect = (batch: (each: readonly Timed[]) => Record<string, number>) =>
      sorted(Object.assign({}, ...byPartition(records, partitions).map(batch)) as Record<string, number>)
    const actual = async (table: WindowedTable<number>) => sorted(await countsOf(table))
    assert.equal(
      await actual(tables.tumbling),
      expect(each => windowCounts(each, { sizeMs, advanceMs: sizeMs, graceMs })),
    )
    assert.equal(
      await actual(tables.hopping),
      expect(each => windowCounts(each, { sizeMs, advanceMs, graceMs })),
    )
    assert.equal(
      await actual(tables.sessions),
      expect(each => sessionCounts(each, { gapMs, graceMs })),
    )
  }))

/** The records of two logs as a task takes them: of the two at hand the earlier one, the first topic's if they are equal. */
function asProcessed(records: readonly Sided[]): readonly Sided[] {
  const left = records.filter(({ side }) => side === 'left')
  const right = records.filter(({ side }) => side === 'right')
  const order: Sided[] = []
  for (;;) {
    const [one, other] = [left[0], right[0]]
    if (!one && !other) return order
    const isLeft = one && (!other || one.timeMs <= other.timeMs)
    order.push((isLeft ? left.shift() : right.shift()) as Sided)
  }
}

test('an outer join of impressions and clicks within a window, with out-of-order and late records', () =>
  forEachSeed(async random => {
    const partitions = 1 + random.below(3)
    const driver = new TaskDriver({ partitions })
    const window = { beforeMs: random.below(8), afterMs: random.below(12), graceMs: random.below(15) }
    driver
      .stream(Impression)
      .outerJoin(
        driver.stream(Click),
        { store: 'join', withinMs: window, graceMs: window.graceMs },
        (impression, click) => `${impression ?? '-'}+${click ?? '-'}`,
      )
      .to(Joined)
    const records: Sided[] = times(random, 5 + random.below(30)).map((timeMs, index) => ({
      key: keyOf(random),
      timeMs,
      side: random.below(2) === 0 ? 'left' : 'right',
      id: String(index),
    }))
    for (const { side, key, id, timeMs } of records)
      driver.publish(side === 'left' ? Impression : Click, key, id, timeMs)
    await runWithFaults(driver, random)
    const expected = byPartition(records, partitions).flatMap(each => outerJoin(asProcessed(each), window))
    assert.equal([...driver.outputs<string>('joined')].sort(), expected.sort())
  }))

test.run()
