// Counts words until it is killed: node word-counter.js <name> <folder> <brokers>
import { createBus, silentLogger } from '@busbar/core'
import { levelState } from '@busbar/state-level'
import { kafkaTransport } from '@busbar/transport-kafka'
import { countWords, wordEvents } from './word-events.js'

const [name = '', folder = '', brokers = ''] = process.argv.slice(2)
const bus = createBus({
  name: `${name}-counter`,
  transport: kafkaTransport({
    brokers: brokers.split(','),
    consumer: { sessionTimeout: 6_000, heartbeatInterval: 1_000 },
  }),
  logger: silentLogger,
  state: levelState({ folder }),
})
countWords(bus, wordEvents(name))
await bus.start()
process.stdout.write('counting\n')
