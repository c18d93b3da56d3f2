import assert from 'node:assert/strict'
import { deadline, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import { connected } from './support/test-transport.js'

const test = suite('a topic that another process creates at this very moment')
const kafka = await kafkaForTests()

if (kafka !== undefined) {
  const { brokers } = kafka

  // Between a topic's creation and its leaders' first answer there are some milliseconds: many tries meet them.
  test('can be read, joined and asked for at once', async () => {
    await using creating = await connected({ brokers })
    await using using_ = await connected({ brokers })
    const meet = async () => {
      const name = uniqueName('new-topic')
      const created = creating.transport.ensureTopics([{ name, create: true, partitions: 12 }])
      const tried = async (what: () => Promise<unknown>) => {
        for (;;) {
          try {
            return await what()
          } catch (error) {
            // Only that it does not exist yet is an answer.
            assert.equal((error as { code?: string }).code, 'TOPIC_MISSING', String(error))
          }
        }
      }
      const { transport } = using_
      const opened = await Promise.all([
        tried(() => transport.read({ topic: name, from: 'latest' }, () => {})),
        tried(() =>
          transport.subscribe(
            { group: name, topics: [name], from: 'earliest', maxInFlight: 1 },
            async () => {},
          ),
        ),
        tried(() => transport.ensureTopics([{ name, create: false, partitions: 12 }])),
        tried(async () => assert.equal(await transport.partitions(name), 12)),
        created,
      ])
      await Promise.all(opened.slice(0, 2).map(each => (each as AsyncDisposable)[Symbol.asyncDispose]()))
    }
    for (let round = 0; round < 5; round++) await deadline(15_000, `round ${round}`, meet())
    assert.deepEqual(
      using_.events.filter(({ type }) => type === 'consumer-restarting'),
      [],
    )
  })
}

test.run()
