import { kafkaForTests, registryForTests } from '@busbar/testkit'
import { suite } from 'uvu'
import { runExample } from './support/run-example.js'

const test = suite('the same examples on Kafka')
const kafka = await kafkaForTests()
const registry = await registryForTests()

if (kafka !== undefined && registry !== undefined) {
  const env = {
    ...process.env,
    KAFKA_BROKERS: kafka.brokers.join(','),
    SCHEMA_REGISTRY_URL: registry.url,
  }
  for (const name of ['quick-start', 'servers.express-avro', 'servers.koa', 'servers.fastify']) {
    // Twice: the second time its topics, groups and positions are there already.
    for (const time of ['first', 'second'])
      test(`${name} prints the same lines, the ${time} time`, () => runExample(name, env))
  }
}

test.run()
