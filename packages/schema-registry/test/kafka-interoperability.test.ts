import { createBus, defineEvent, type EventDefinition } from '@busbar/core'
import { avro } from '@busbar/core/avro'
import { confluentRegistry } from '@busbar/schema-registry'
import { eventually, kafkaForTests, pythonForTests, registryForTests, uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import usual from '@kafkajs/confluent-schema-registry'
import { Kafka, logLevel } from 'kafkajs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runPython } from './support/python.js'

const test = suite('records of other clients, on a real broker with a real registry')

const [kafka, registry, python] = await Promise.all([kafkaForTests(), registryForTests(), pythonForTests()])

const fields = [
  { name: 'id', type: 'string' },
  { name: 'name', type: 'string' },
  { name: 'email', type: 'string' },
] as const
const definition = { type: 'record', name: 'UserCreated', namespace: 'accounts', fields } as const

/** What a newer program writes and reads. */
const newer = {
  ...definition,
  fields: [...fields, { name: 'plan', type: 'string', default: 'free' }],
} as const

const ada = { id: '1', name: 'Ada', email: 'ada@example.com' }
const bob = { id: '2', name: 'Bob Ünsal', email: '' }

if (kafka !== undefined && registry !== undefined) {
  const client = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING })
  const usualRegistry = () => new usual.SchemaRegistry({ host: registry.url })

  const contract = () =>
    defineEvent(uniqueName('user-created'), { schema: avro(definition), key: user => user.id })
  const busOf = () => {
    const name = uniqueName('accounts')
    const ours = confluentRegistry({ url: registry.url, autoRegister: true })
    return createBus({ name, transport: kafkaTransport(kafka), registry: ours })
  }

  const publish = async (event: ReturnType<typeof contract>): Promise<void> => {
    const bus = busOf()
    try {
      await bus.start()
      for (const user of [ada, bob]) await bus.publish(event, user)
    } finally {
      await bus.close()
    }
  }

  /** What a subscription gets of what `write` writes. */
  const handled = async <User extends { id: string }>(
    event: EventDefinition<User, never>,
    write: () => Promise<unknown>,
  ): Promise<User[]> => {
    const bus = busOf()
    const users: User[] = []
    bus.subscribe(event, user => void users.push(user))
    try {
      await bus.start()
      await write()
      await eventually(() => assert.is(users.length, 2), { timeoutMs: 20_000 })
      return users.toSorted(byId)
    } finally {
      await bus.close()
    }
  }

  test('@kafkajs/confluent-schema-registry reads what a bus has written', async () => {
    const event = contract()
    await publish(event)
    const consumer = client.consumer({ groupId: uniqueName('reader'), maxWaitTimeInMs: 200 })
    const values: unknown[] = []
    const reading = usualRegistry()
    try {
      await consumer.connect()
      await consumer.subscribe({ topic: event.topic.name, fromBeginning: true })
      await consumer.run({
        eachMessage: async ({ message }) => void values.push(await reading.decode(message.value as Buffer)),
      })
      await eventually(() => assert.is(values.length, 2), { timeoutMs: 20_000 })
    } finally {
      await consumer.disconnect()
    }
    assert.equal(values.map(value => ({ ...(value as object) })).toSorted(byId), [ada, bob])
  })

  test('a bus handles what @kafkajs/confluent-schema-registry has written, also with a newer schema', async () => {
    for (const written of [definition, newer]) {
      const event = contract()
      const topic = event.topic.name
      const users = await handled(event, async () => {
        const writing = usualRegistry()
        const schema = { type: usual.SchemaType.AVRO, schema: JSON.stringify(written) } as const
        const { id } = await writing.register(schema, { subject: `${topic}-value` })
        const producer = client.producer()
        await producer.connect()
        const headers = {
          ce_specversion: '1.0',
          ce_type: event.name,
          ce_source: 'kafkajs',
          ce_id: uniqueName('id'),
        }
        const values = await Promise.all(
          [ada, bob].map(user => writing.encode(id, { plan: 'gold', ...user })),
        )
        await producer.send({ topic, messages: values.map(value => ({ value, headers })) })
        await producer.disconnect()
      })
      assert.equal(users, [ada, bob])
    }
  })

  if (python !== undefined) {
    test('a Python client reads what a bus has written, also as a newer schema', async () => {
      const event = contract()
      await publish(event)
      const run = (schema: string) =>
        runPython(python, ['read', kafka.brokers.join(','), registry.url, event.topic.name, '2'], schema)
      const outputs = await Promise.all([run(''), run(JSON.stringify(newer))])
      const [asWritten, asNewer] = outputs.map(output =>
        output
          .trim()
          .split('\n')
          .map(line => JSON.parse(line) as { id: string })
          .toSorted(byId),
      )
      assert.equal(asWritten, [ada, bob])
      assert.equal(asNewer, [
        { ...ada, plan: 'free' },
        { ...bob, plan: 'free' },
      ])
    })

    test('a bus handles what a Python client has written, and fills in what its newer schema adds', async () => {
      const event = defineEvent(uniqueName('user-created'), { schema: avro(newer) })
      const users = await handled(event, () => {
        const args = ['write', kafka.brokers.join(','), registry.url, event.topic.name, event.name]
        return runPython(python, args, JSON.stringify({ schema: definition, values: [ada, bob] }))
      })
      assert.equal(users, [
        { ...ada, plan: 'free' },
        { ...bob, plan: 'free' },
      ])
    })
  }
}

function byId(one: unknown, other: unknown): number {
  return (one as { id: string }).id < (other as { id: string }).id ? -1 : 1
}

test.run()
