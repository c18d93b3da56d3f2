// A relay in a process of its own, to be killed: node relay-service.js <url> <outbox> <port of a log, or Kafka's address>
import { createBus, silentLogger } from '@busbar/core'
import { createOutbox } from '@busbar/store-postgres'
import { kafkaTransport } from '@busbar/transport-kafka'
import { Pool } from 'pg'
import { logTransport } from '../support/fake-transport.js'

const [url = '', table = '', target = ''] = process.argv.slice(2)
const transport = target.includes(':')
  ? kafkaTransport({ brokers: target.split(',') })
  : await logTransport(Number(target))
const bus = createBus({ name: 'relay', transport, logger: silentLogger })
await bus.start()
createOutbox({ bus, table }).relay({ pool: new Pool({ connectionString: url }), pollMs: 200, batchSize: 200 })
console.log('started')
