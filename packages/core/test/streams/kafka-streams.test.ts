import { defineEvent, hopping, sessions, tumbling, type WindowedTable } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AggregateCase, aggregateCases, type JoinCase, joinCases } from './kafka-streams-cases.js'
import { Left, Right, TaskDriver } from './task-driver.js'

const test = suite('the same as Kafka Streams')

const Joined = defineEvent<string>('joined')

function windowsOf({ windows }: AggregateCase) {
  if (windows.kind === 'tumbling') return tumbling(windows)
  return windows.kind === 'hopping' ? hopping(windows) : sessions(windows)
}

async function tableOf(table: WindowedTable<number>): Promise<Record<string, number>> {
  const rows: Record<string, number> = {}
  for await (const { key, window, value } of table.entries())
    rows[`${key}@${window.startMs}-${window.endMs}`] = value
  return rows
}

for (const each of aggregateCases) {
  // Also with a holder that is another one after each record.
  for (const isCrashing of [false, true]) {
    test(`${each.name}${isCrashing ? ', crashing after each record' : ''}`, async () => {
      const driver = new TaskDriver()
      const updates: (readonly [string, number | null])[] = []
      const table = driver
        .stream(Left)
        .groupByKey()
        .windowedBy(windowsOf(each))
        .count({ store: 'counts', ...(each.emit ? { emit: each.emit } : {}) })
      table.subscribe(({ key, window, value }) =>
        updates.push([`${key}@${window.startMs}-${window.endMs}`, value ?? null]),
      )
      for (const [timeMs, key, value] of each.input) {
        driver.publish(Left, key, value, timeMs)
        if (isCrashing) {
          await driver.step(0)
          await driver.crashAll()
        }
        await driver.run()
        if (isCrashing) await driver.crashAll()
      }
      await driver.step(0)
      assert.equal(updates, each.updates)
      assert.equal(await tableOf(table), each.table)
      if (isCrashing) return
      assert.is(driver.dropped.filter(({ reason }) => reason === 'late').length, each.late ?? 0)
    })
  }
}

function joined(driver: TaskDriver, each: JoinCase): void {
  const text = (left?: string, right?: string) => `${left ?? '-'}${right ?? '-'}`
  const left = driver.stream(Left)
  const { withinMs = 0, graceMs = 0 } = each
  const options = { store: 'join', withinMs, graceMs }
  if (each.right === 'table') {
    const table = driver.table(Right, 'right')
    const stream = each.kind === 'join' ? left.join(table, text) : left.leftJoin(table, text)
    stream.to(Joined)
    return
  }
  const right = driver.stream(Right)
  if (each.kind === 'join') left.join(right, options, text).to(Joined)
  else if (each.kind === 'leftJoin') left.leftJoin(right, options, text).to(Joined)
  else left.outerJoin(right, options, text).to(Joined)
}

for (const each of joinCases) {
  for (const isCrashing of [false, true]) {
    test(`${each.name}${isCrashing ? ', crashing after each record' : ''}`, async () => {
      const driver = new TaskDriver()
      joined(driver, each)
      const output: (readonly string[])[] = []
      for (const [timeMs, side, value] of each.input) {
        const before = driver.outputs('joined').length
        driver.publish(side === 'left' ? Left : Right, 'k', value, timeMs)
        if (isCrashing) {
          await driver.step(0)
          await driver.crashAll()
        }
        await driver.run()
        if (isCrashing) await driver.crashAll()
        output.push(driver.outputs<string>('joined').slice(before))
      }
      assert.equal(output, each.output)
      if (!isCrashing) assert.is(driver.dropped.length, each.late ?? 0)
    })
  }
}

async function all<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const entry of entries) list.push(entry)
  return list
}

const WordCounts = defineEvent<number>('word-counts')
const Sums = defineEvent<number>('sums')

test('stream aggregation, the table of the documentation', async () => {
  const driver = new TaskDriver()
  const table = driver
    .stream(WordCounts)
    .groupByKey()
    .aggregate<number>({ store: 'aggregated', initial: () => 0, add: (sum, value) => sum + value })
  const states: unknown[] = []
  const words = ['hello', 'kafka', 'streams', 'kafka', 'kafka', 'streams']
  for (const [index, word] of words.entries()) {
    driver.publish(WordCounts, word, 1, index + 1)
    await driver.run()
    states.push(Object.fromEntries(await all(table.entries())))
  }
  assert.equal(states, [
    { hello: 1 },
    { hello: 1, kafka: 1 },
    { hello: 1, kafka: 1, streams: 1 },
    { hello: 1, kafka: 2, streams: 1 },
    { hello: 1, kafka: 3, streams: 1 },
    { hello: 1, kafka: 3, streams: 2 },
  ])
})

test('table aggregation with tombstones, the table of the documentation', async () => {
  // The documentation adds up the lengths of the names, which are the table's keys: here they are in the value.
  const Profiles = defineEvent<{ readonly name: string; readonly region: string }>('profiles')
  const driver = new TaskDriver({ partitions: 1 })
  const aggregated = driver
    .table(Profiles, 'profiles')
    .groupBy(({ region }) => region, { name: 'by-region' })
    .aggregate<number>({
      store: 'aggregated',
      initial: () => 0,
      add: (sum, { name }) => sum + name.length,
      subtract: (sum, { name }) => sum - name.length,
    })
  const input: readonly (readonly [string | null, string | null])[] = [
    ['alice', 'E'],
    ['bob', 'A'],
    ['charlie', 'A'],
    ['alice', 'A'],
    ['charlie', null],
    [null, 'E'],
    ['bob', 'E'],
  ]
  const states: unknown[] = []
  for (const [index, [name, region]] of input.entries()) {
    driver.publish(Profiles, name, region === null ? null : { name: name ?? '', region }, index + 1)
    await driver.run()
    if (index === 3) await driver.crashAll()
    if (index !== 3) states.push(Object.fromEntries(await all(aggregated.entries())))
  }
  assert.equal(states, [
    { E: 5 },
    { A: 3, E: 5 },
    { A: 10, E: 5 },
    { A: 8, E: 0 },
    { A: 8, E: 0 },
    { A: 5, E: 3 },
  ])
})

test('reducing takes the first value as it is', async () => {
  const driver = new TaskDriver()
  const table = driver
    .stream(Sums)
    .groupByKey()
    .reduce({ store: 'sums' }, (one, other) => one * 10 + other)
  for (const [index, value] of [1, 2, 3].entries()) driver.publish(Sums, 'k', value, index)
  await driver.run()
  assert.is(await table.get('k'), 123)
})

test.run()
