import type { BusbarError } from '@busbar/core'
import { kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connected } from './support/test-transport.js'

const kafka = await kafkaForTests()
const test = suite('topics')
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => 'fine',
    (error: BusbarError) => `${error.code}: ${error.message}`,
  )

if (kafka) {
  const open = (options = {}) => connected({ brokers: kafka.brokers, ...options })

  test('creates what is missing, and finds it as declared', async () => {
    await using bus = await open({ topics: { partitions: 5 } })
    const [a, b] = [uniqueName('topics'), uniqueName('topics')] as const
    const declared = [
      {
        name: a,
        create: true,
        partitions: 2,
        replication: 1,
        config: { 'cleanup.policy': 'delete,compact', 'retention.ms': '60000' },
      },
      { name: b, create: true },
    ]
    await bus.transport.ensureTopics(declared)
    assert.is(await bus.transport.partitions(a), 2)
    assert.is(await bus.transport.partitions(b), 5)
    await bus.transport.ensureTopics(declared)
    await bus.transport.ensureTopics([
      { name: a, create: false, config: { 'cleanup.policy': 'compact,delete' } },
    ])
  })

  test('says in what an existing topic differs', async () => {
    await using bus = await open()
    const name = uniqueName('topics')
    await bus.transport.ensureTopics([{ name, create: true, partitions: 2 }])
    const differs = await outcome(
      bus.transport.ensureTopics([
        {
          name,
          create: true,
          partitions: 3,
          replication: 2,
          config: { 'cleanup.policy': 'compact', 'no.such': 'x' },
        },
      ]),
    )
    for (const part of [
      'TOPIC_MISMATCH',
      '2 partitions, not 3',
      'replication is 1, not 2',
      'cleanup.policy is delete, not compact',
      'no.such',
    ]) {
      assert.ok(differs.includes(part), differs)
    }
  })

  test('a missing topic that may not be created is an error', async () => {
    await using bus = await open()
    const name = uniqueName('missing')
    assert.match(
      await outcome(bus.transport.ensureTopics([{ name, create: false }])),
      new RegExp(`^TOPIC_MISSING.*${name}`),
    )
    assert.match(await outcome(bus.transport.partitions(name)), new RegExp(`^TOPIC_MISSING.*${name}`))
    assert.match(await outcome(bus.transport.partitions(name)), /^TOPIC_MISSING/, 'asking did not create it')
  })

  test('what a broker would refuse is refused', async () => {
    await using bus = await open()
    const name = uniqueName('topics')
    const create = (spec: object) => outcome(bus.transport.ensureTopics([{ name, create: true, ...spec }]))
    assert.match(await create({ name: 'not a name' }), /^TOPIC_INVALID.*not a name/)
    assert.match(await create({ partitions: 0 }), /^TOPIC_INVALID/)
    assert.match(await create({ replication: 9 }), new RegExp(`^TOPIC_INVALID.*${name}`))
    assert.match(await create({ config: { 'no.such.setting': '1' } }), new RegExp(`^TOPIC_INVALID.*${name}`))
  })

  test('several may create the same topic at a time', async () => {
    await using bus = await open()
    await using other = await open()
    const specs = [{ name: uniqueName('topics'), create: true, partitions: 2 }]
    const outcomes = await Promise.all(
      [bus, other, bus, other].map(({ transport }) => outcome(transport.ensureTopics(specs))),
    )
    assert.equal(outcomes, ['fine', 'fine', 'fine', 'fine'])
  })

  test('the positions of a group that has none are none', async () => {
    await using bus = await open()
    assert.equal(await bus.transport.positions(uniqueName('group')), [])
  })

  test('options are checked, by name', async () => {
    const { kafkaTransport } = await import('@busbar/transport-kafka')
    const cases: [object, RegExp][] = [
      [{}, /`brokers`/],
      [{ brokers: ['nowhere'] }, /`brokers`.*nowhere/],
      [{ brokers: ['a:1'], commitIntervalMs: 0 }, /`commitIntervalMs`/],
      [
        { brokers: ['a:1'], consumer: { heartbeatInterval: 9, sessionTimeout: 9 } },
        /`consumer.heartbeatInterval`/,
      ],
      [{ brokers: ['a:1'], topics: { partitions: 1.5 } }, /`topics.partitions`/],
      [{ brokers: ['a:1'], sasl: {} }, /`sasl.mechanism`/],
    ]
    for (const [options, message] of cases) {
      assert.throws(
        () => kafkaTransport(options as never),
        (error: Error & { code: string }) => error.code === 'CONFIG_INVALID' && message.test(error.message),
      )
    }
  })
}

test.run()
