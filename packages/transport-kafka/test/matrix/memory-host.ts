import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemRuntime } from '@busbar/core'
import { uniqueName } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { matrixBus } from './matrix-service.js'
import { MatrixStore } from './matrix-store.js'
import type { JournalLine } from './oracles.js'
import type { MatrixHost } from './run-matrix.js'

/** Processes are transports on one broker, and are killed by crashing them: what they write down then counts no more. */
export async function memoryHost(): Promise<MatrixHost & AsyncDisposable> {
  const broker = memoryBroker({ partitions: 2 })
  const beside = memoryTransport({ broker })
  await beside.connect({
    clientId: 'beside',
    logger: silentLogger,
    runtime: systemRuntime,
    onEvent: () => {},
  })
  const lines: JournalLine[] = []
  const path = join(tmpdir(), uniqueName('busbar-matrix'))
  return {
    name: 'memory',
    beside,
    journal: () => lines,
    start: async (cases, death) => {
      let isAlive = true
      const transport = memoryTransport({ broker })
      const bus = matrixBus({
        transport,
        cases,
        death,
        store: new MatrixStore(path),
        journal: (topic, what, id, more = '') => isAlive && void lines.push({ topic, what, id, more }),
      })
      await bus.start()
      return {
        kill: async () => {
          isAlive = false
          transport.crash()
        },
        close: () => bus.close({ timeoutMs: 500 }),
      }
    },
    [Symbol.asyncDispose]: async () => {
      await beside[Symbol.asyncDispose]()
      rmSync(path, { force: true })
    },
  }
}
