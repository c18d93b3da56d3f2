// The registry of docs/schemas.md, on a real broker and a real registry.
import { createBus, defineEvent } from '@busbar/core'
import { avro } from '@busbar/core/avro'
import { confluentRegistry } from '@busbar/schema-registry'
import { deadline, kafkaForTests, registryForTests, uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('the guide to schemas')
const kafka = await kafkaForTests()
const server = await registryForTests()

if (kafka && server) {
  const { brokers } = kafka
  const env = {
    SCHEMA_REGISTRY_URL: server.url,
    SCHEMA_REGISTRY_USERNAME: 'registry',
    SCHEMA_REGISTRY_PASSWORD: 'secret',
  }
  const topic = uniqueName('orders')
  const schema = avro({ type: 'record', name: 'OrderPlaced', fields: [{ name: 'id', type: 'string' }] })
  const OrderPlaced = defineEvent('order.placed', { topic, schema })

  test('a bus with a registry refuses to start without its schemas, and runs once they are pushed', async () => {
    const registry = confluentRegistry({
      url: env.SCHEMA_REGISTRY_URL, // Confluent's protocol: also Karapace, Redpanda, Apicurio (/apis/ccompat/v7)
      auth: { username: env.SCHEMA_REGISTRY_USERNAME, password: env.SCHEMA_REGISTRY_PASSWORD },
    })
    const bus = createBus({
      name: 'shop',
      transport: kafkaTransport({ brokers }),
      registry,
      publishes: [OrderPlaced],
    })
    const handled = new Promise<string>(resolve => bus.subscribe(OrderPlaced, ({ id }) => resolve(id)))
    const refused = await bus.start().catch((error: unknown) => error)
    assert.match(String(refused), /busbar schemas push/)
    await registry.register(`${topic}-value`, schema.schema)
    await bus.start()
    await bus.publish(OrderPlaced, { id: '7' })
    assert.is(await deadline(10_000, 'the order', handled), '7')
    await bus.close()
  })
}

test.run()
