import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testDatabase } from './support/database.js'
import { kafkaLog } from './support/kafka-log.js'
import { logServer } from './support/log-server.js'
import { outboxTrial, problemsOf } from './support/outbox-trial.js'

const test = suite('outbox, with relays that are killed')
const database = await testDatabase()
const kafka = await kafkaForTests()

if (database !== undefined) {
  test.after(async () => database[Symbol.asyncDispose]())

  test('exactly what was committed arrives, in order per key', async () => {
    await using server = await logServer()
    const trial = outboxTrial({
      database,
      target: String(server.port),
      topic: uniqueName('orders'),
      orders: 1_200,
      writers: 8,
      customers: 20,
      relays: 2,
      killEveryMs: 500,
      random: Math.random,
    })
    const { committed, rolledBack, kills } = await deadline(60_000, 'the trial', trial)
    assert.is(rolledBack, 400)
    // On a slow machine a relay takes longer to start than the other one to be through.
    assert.ok(kills >= 1, `${kills} kills`)
    assert.ok(committed.length >= 800)
    assert.equal(problemsOf(committed, server.log), [])
  })

  if (kafka !== undefined) {
    test('and so on Kafka', async () => {
      const topic = uniqueName('orders')
      await using own = await testDatabase()
      const trial = outboxTrial({
        database: own as NonNullable<typeof own>,
        target: kafka.brokers.join(','),
        topic,
        orders: 300,
        writers: 8,
        customers: 20,
        relays: 2,
        killEveryMs: 1_000,
        random: Math.random,
      })
      const { committed } = await deadline(60_000, 'the trial', trial)
      await using arrived = await kafkaLog(kafka.brokers, topic)
      await eventually(() => assert.equal(problemsOf(committed, arrived.log), []), { timeoutMs: 20_000 })
    })
  }

  test('the check itself finds what is wrong', () => {
    const record = (id: string, key: string) => ({ topic: 't', key, id })
    const committed = [record('1', 'a'), record('2', 'a'), record('3', 'b')]
    const [one, two, three] = committed as [
      (typeof committed)[0],
      (typeof committed)[0],
      (typeof committed)[0],
    ]
    assert.equal(problemsOf(committed, [three, one, one, two, one]), [])
    assert.equal(problemsOf(committed, [one, two]), ['3 is missing', 'b is out of order'])
    assert.equal(problemsOf(committed, [two, one, two, three]), ['a is out of order'])
    assert.equal(problemsOf(committed, [...committed, record('4', 'c')]), ['4 was rolled back and arrived'])
  })
}

test.run()
