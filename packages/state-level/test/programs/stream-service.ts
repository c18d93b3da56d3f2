// Runs streams with state on disk until it is killed: node stream-service.js <words|ads> <name> <folder> <brokers>
import { createBus, silentLogger } from '@busbar/core'
import { levelState } from '@busbar/state-level'
import { kafkaTransport } from '@busbar/transport-kafka'
import { adEvents, followAds } from '../support/ad-events.js'
import { countWords, wordEvents } from '../support/word-events.js'

const [streams, name = '', folder = '', brokers = ''] = process.argv.slice(2)
const bus = createBus({
  name: `${name}-service`,
  transport: kafkaTransport({
    brokers: brokers.split(','),
    // The group waits for a killed member until its session is over.
    consumer: { sessionTimeout: 2_000, heartbeatInterval: 300 },
  }),
  logger: silentLogger,
  state: levelState({ folder }),
})
if (streams === 'words') countWords(bus, wordEvents(name))
else followAds(bus, adEvents(name))
await bus.start()
process.stdout.write('started\n')
