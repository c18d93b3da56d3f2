import { conformance } from '@busbar/core/conformance'
import { memoryBroker, type MemoryTransport, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'

const test = suite('conformance: memory')
const broker = memoryBroker()

conformance<MemoryTransport>(
  {
    name: 'memory',
    createTransport: () => memoryTransport({ broker }),
    crash: transport => transport.crash(),
    disconnect: 'the memory transport has no connection that could be cut',
    topicConfig: true,
  },
  {
    test,
    skip: (name, reason) => {
      test.skip()
      console.log(`skipped: ${name}: ${reason}`)
    },
  },
)

test.run()
