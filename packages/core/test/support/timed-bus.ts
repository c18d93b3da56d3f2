import { createBus } from '@busbar/core'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { recordingLogger } from './bus.js'
import { FakeRuntime } from './fake-runtime.js'

/** A bus on a clock that the test moves. */
export function timedBus(requests: { timeoutMs?: number; maxPending?: number } = {}) {
  const runtime = new FakeRuntime()
  const logger = recordingLogger()
  const broker = memoryBroker({ partitions: 1 })
  const bus = createBus({ name: 'timed', transport: memoryTransport({ broker }), logger, runtime, requests })
  return { bus, broker, runtime, lines: logger.lines }
}
