import { conformance } from '@busbar/core/conformance'
import { type MemoryTransport, memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'

const test = suite('conformance: memory')
const broker = memoryBroker()

conformance<MemoryTransport>(
  {
    name: 'memory',
    createTransport: () => memoryTransport({ broker }),
    crash: transport => transport.crash(),
    freeze: transport => transport.freeze(),
    disconnect: 'the memory transport has no connection that could be cut',
    topicConfig: true,
  },
  {
    test,
    skip: (name, reason) => console.log(`skipped: ${name}: ${reason}`),
  },
)

test.run()
