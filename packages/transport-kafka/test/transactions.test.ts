import type { Delivery, RecordPosition } from '@busbar/core'
import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { copy, copying, readAll, textIn, transactional } from './support/copying.js'
import { connected, publish, type TestTransport, textOf, texts } from './support/test-transport.js'
import { transactionsAt } from './support/transactions-at.js'

const kafka = await kafkaForTests()
const test = suite('transactional subscriptions')

if (kafka) {
  const open = (options = {}) => connected({ brokers: kafka.brokers, commitIntervalMs: 50, ...options })

  const newTopics = async ({ transport }: TestTransport, partitions: number, ...names: string[]) => {
    const topics = names.map(name => uniqueName(name))
    await transport.ensureTopics(topics.map(name => ({ name, create: true, partitions })))
    return topics as [string, ...string[]]
  }

  const committedOf = async ({ transport }: TestTransport, group: string) =>
    (await transport.positions(group)).reduce((sum, { committed }) => sum + committed, 0)

  test('outputs and positions are stored together, and onCommitted says where', async () => {
    await using bus = await open()
    const [from, to] = (await newTopics(bus, 3, 'from', 'to')) as [string, string]
    const group = uniqueName('group')
    await publish(bus.transport, from, texts('v', 100))
    const told: { positions: readonly RecordPosition[]; value: string }[] = []
    const onCommitted = (positions: readonly RecordPosition[], { record }: Delivery) =>
      told.push({ positions, value: textIn(record) })
    await using subscription = await deadline(
      10_000,
      'subscribing',
      bus.transport.subscribe(transactional(group, [from]), copying({ to, onCommitted })),
    )
    await eventually(() => assert.is(told.length, 100), { timeoutMs: 10_000 })
    await eventually(async () => assert.is((await readAll(bus.transport, to)).length, 100))
    const copies = await readAll(bus.transport, to)
    assert.equal(copies.map(textIn).sort(), texts('v', 100).sort())
    for (const { positions, value } of told) {
      assert.is(positions.length, 1)
      const stored = copies.find(each => textIn(each) === value)
      const { partition, offset } = stored ?? {}
      assert.equal(positions[0], { topic: to, partition, offset })
    }
    await eventually(async () => assert.is(await committedOf(bus, group), 100))
    await subscription[Symbol.asyncDispose]()
  })

  test('closing commits what is finished, and nothing of what is not', async () => {
    await using bus = await open({ commitIntervalMs: 60_000 })
    const [from, to] = (await newTopics(bus, 1, 'from', 'to')) as [string, string]
    const group = uniqueName('group')
    await publish(bus.transport, from, texts('v', 10))
    const held: Delivery[] = []
    const hold = (delivery: Delivery) => {
      held.push(delivery)
      return true
    }
    const subscription = await bus.transport.subscribe(transactional(group, [from]), copying({ to, hold }))
    await eventually(() => assert.is(held.length, 10))
    for (const index of [0, 1, 2, 3, 5]) assert.ok(copy(held[index] as Delivery, { to }))
    await subscription[Symbol.asyncDispose]()
    // What ends a transaction in each partition is written once the coordinator has answered.
    await eventually(async () => assert.equal((await readAll(bus.transport, to)).map(textIn), texts('v', 4)))
    await eventually(async () => assert.is(await committedOf(bus, group), 4))
    assert.not.ok(copy(held[4] as Delivery, { to }))
    const again: string[] = []
    await using _ = await bus.transport.subscribe(
      transactional(group, [from]),
      copying({
        to,
        hold: ({ record }) => {
          again.push(textIn(record))
          return false
        },
      }),
    )
    await eventually(() => assert.equal(again, texts('v', 10).slice(4)))
  })

  test('members that see other topics of one number do not fence each other', async () => {
    await using older = await open()
    await using newer = await open()
    const [known, added, to] = (await newTopics(older, 2, 'known', 'added', 'to')) as [string, string, string]
    const group = uniqueName('group')
    const spec = (...topics: string[]) => transactional(group, topics)
    await using _ = await older.transport.subscribe(spec(known), copying({ to }))
    await using __ = await newer.transport.subscribe(spec(known, added), copying({ to }))
    for (let round = 0; round < 5; round++) {
      await publish(older.transport, known, texts(`known${round}-`, 10))
      await publish(older.transport, added, texts(`added${round}-`, 10))
      await eventually(async () => assert.is((await readAll(older.transport, to)).length, 20 * (round + 1)), {
        timeoutMs: 10_000,
      })
    }
    assert.is(new Set((await readAll(older.transport, to)).map(textIn)).size, 100)
    for (const { events } of [older, newer])
      assert.equal(
        events.filter(({ type }) => type === 'transaction-failed'),
        [],
      )
  })

  test('topics that come and go: what is held of a number goes on being committed as one', async () => {
    await using bus = await open()
    const [one, two, to] = (await newTopics(bus, 2, 'one', 'two', 'to')) as [string, string, string]
    const group = uniqueName('group')
    await using subscription = await bus.transport.subscribe(transactional(group, [two]), copying({ to }))
    let expected = 0
    for (const topics of [[two], [one, two], [one]]) {
      await subscription.setTopics(topics)
      for (const topic of topics) {
        await publish(bus.transport, topic, texts(`${expected}-`, 10))
        expected += 10
      }
      await eventually(async () => assert.is((await readAll(bus.transport, to)).length, expected), {
        timeoutMs: 10_000,
      })
      await eventually(async () => assert.is(await committedOf(bus, group), expected))
    }
    assert.is(new Set((await readAll(bus.transport, to)).map(textIn)).size, expected)
  })

  test('a sought position outlives a transaction that failed', async () => {
    await using bus = await open({ commitIntervalMs: 20 })
    const [from, to] = (await newTopics(bus, 1, 'from', 'to')) as [string, string]
    const group = uniqueName('group')
    await publish(bus.transport, from, texts('v', 10))
    await using subscription = await bus.transport.subscribe(transactional(group, [from]), copying({ to }))
    await eventually(async () => assert.is(await committedOf(bus, group), 10))
    const thieves = await transactionsAt(kafka.brokers)
    await thieves.producer(`${group}/${from}/0`, 0).claim(thieves.attempt(new AbortController().signal))
    await subscription.seek({ topic: from, partition: 0 }, 7)
    await eventually(async () => assert.is((await readAll(bus.transport, to)).length, 13))
    await eventually(async () => assert.is(await committedOf(bus, group), 10))
    assert.equal((await readAll(bus.transport, to)).map(textIn).slice(10), ['v7', 'v8', 'v9'])
    assert.ok(bus.events.some(({ type }) => type === 'transaction-failed'))
    thieves.close(new Error('done'))
  })

  test('an output that is refused for good is named to whoever gets its record again', async () => {
    await using bus = await open()
    const [from, to] = (await newTopics(bus, 1, 'from', 'to')) as [string, string]
    const missing = uniqueName('missing')
    await publish(bus.transport, from, ['good', 'bad'])
    const refused: string[] = []
    await using _ = await bus.transport.subscribe(transactional(uniqueName('group'), [from]), async batch => {
      for (const delivery of batch.deliveries) {
        if (delivery.refused) refused.push(`${textOf(delivery)} ${delivery.refused.error.code}`)
        const isBad = textOf(delivery) === 'bad' && !delivery.refused
        copy(delivery, { to: isBad ? missing : to })
      }
    })
    await eventually(async () => assert.is((await readAll(bus.transport, to)).length, 2), {
      timeoutMs: 15_000,
    })
    assert.equal(refused, ['bad TOPIC_MISSING'])
    assert.equal((await readAll(bus.transport, to)).map(textIn), ['good', 'bad'])
  })
}

test.run()
