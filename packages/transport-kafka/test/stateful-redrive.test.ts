import assert from 'node:assert/strict'
import { BusbarError, defineEvent } from '@busbar/core'
import { eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import { kafkaBus } from './support/scenario.js'

const test = suite('redrive of a stream with a state on Kafka')
const kafka = await kafkaForTests()

interface Click {
  readonly user: string
  readonly page: string
}

async function all<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const entry of entries) list.push(entry)
  return list
}

if (kafka !== undefined) {
  const { brokers } = kafka

  test('a dead letter comes back to the partition of its state, across a restart, and counts once', async () => {
    const group = uniqueName('redrive')
    const Clicked = defineEvent<Click>('clicked', { topic: { name: `${group}.clicks`, partitions: 3 } })
    const start = async (broken: ReadonlySet<string>) => {
      const { bus, logger } = kafkaBus(brokers, { name: 'service' })
      const counts = bus
        .stream(Clicked, { group })
        .keyed()
        .filter(({ page }) => {
          if (broken.has(page)) throw new BusbarError('PAYLOAD_INVALID', `no page ${page}`)
          return true
        })
        .groupByKey()
        .count({ store: 'counts' })
      await bus.start()
      return { bus, letters: bus.deadLetters(group), logger, all: () => all(counts.entries()) }
    }
    const timeoutMs = 20_000
    // Where their keys alone would not lead to.
    const users = ['ada', 'bob', 'cy']
    const first = await start(new Set(['bad']))
    for (const page of ['a', 'bad', 'b'])
      for (const [partition, user] of users.entries())
        await first.bus.send([
          { ...(await first.bus.encode(Clicked, { user, page }, { key: user })), partition },
        ])
    await eventually(async () => assert.equal((await first.letters.list()).length, 3), { timeoutMs })
    await first.bus.close()

    const second = await start(new Set())
    const listed = await second.letters.list()
    assert.deepEqual(listed.map(({ origin }) => origin.partition).sort(), [0, 1, 2])
    assert.equal((await second.letters.replay()).replayed, 3)
    const expected = users.map(user => [user, 3])
    await eventually(async () => assert.deepEqual((await second.all()).sort(), expected), { timeoutMs })
    assert.deepEqual(await second.letters.list(), [])
    await second.bus.close()

    const third = await start(new Set())
    await eventually(async () => assert.deepEqual((await third.all()).sort(), expected), { timeoutMs })
    // As by an operator who died between replaying it and its marker.
    for (const { record, origin } of listed) {
      const { key, value, timestampMs } = record
      const headers = { ...record.headers, 'busbar-redrives': '1' }
      const topic = `${origin.topic}.${group}.retry`
      await third.bus.send([{ topic, partition: origin.partition, key, value, headers, timestampMs }])
    }
    const twins = () => third.logger.complaints.filter(each => each.includes('counts once')).length
    await eventually(() => assert.equal(twins(), 3), { timeoutMs })
    await third.bus.send([await third.bus.encode(Clicked, { user: 'ada', page: 'a' }, { key: 'ada' })])
    await eventually(
      async () =>
        assert.equal(
          (await third.all()).reduce((sum, [, count]) => sum + count, 0),
          10,
        ),
      { timeoutMs },
    )
    await third.bus.close()
  })
}

test.run()
