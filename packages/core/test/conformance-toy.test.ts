import { conformance } from '@busbar/core/conformance'
import { suite } from 'uvu'
import { ToyBroker } from './toy-transport/toy-broker.js'
import { ToyTransport } from './toy-transport/toy-transport.js'

const test = suite('conformance: toy')
const broker = new ToyBroker()

conformance(
  {
    name: 'toy',
    createTransport: () => new ToyTransport(broker),
    crash: 'a toy lives and dies with its process',
    disconnect: 'there is no connection to cut',
    topicConfig: 'toy topics have no settings',
    skip: {
      'a group that stands outside of the log says so, and goes on':
        'a toy keeps every record, so that only a wrong seek can leave the log',
    },
  },
  { test, skip: (name, reason) => console.log(`skipped: ${name}: ${reason}`) },
)

test.run()
