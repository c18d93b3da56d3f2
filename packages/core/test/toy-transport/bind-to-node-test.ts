import test from 'node:test'
import { conformance } from '@busbar/core/conformance'
import { ToyBroker } from './toy-broker.js'
import { ToyTransport } from './toy-transport.js'

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
    concurrency: 4,
  },
  { test, skip: (name, reason) => test(name, { skip: reason }) },
)
