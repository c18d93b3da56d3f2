// One process of the failure matrix: all cases on one bus, each stopping at its point until the process is killed.
import { once } from 'node:events'
import { openSync, writeSync } from 'node:fs'
import { kafkaTransport } from '@busbar/transport-kafka'
import type { Death, MatrixCase } from '../matrix/cases.js'
import { matrixBus } from '../matrix/matrix-service.js'
import { MatrixStore } from '../matrix/matrix-store.js'

interface Options {
  readonly brokers: string[]
  readonly cases: readonly MatrixCase[]
  readonly death?: Death
  readonly path: string
}

const { brokers, cases, death, path } = JSON.parse(process.argv[2] ?? '{}') as Options
const journal = openSync(path, 'a')
const transport = kafkaTransport({
  brokers,
  consumer: { sessionTimeout: 6_000 },
  topics: { partitions: 2 },
  commitIntervalMs: 100,
})
const bus = matrixBus({
  transport,
  cases,
  death,
  store: new MatrixStore(`${path}.store`),
  journal: (...words) => void writeSync(journal, `${words.join(' ')}\n`),
})
await bus.start()
process.send?.('ready')
await once(process, 'message')
await bus.close({ timeoutMs: 1_000 })
process.disconnect()
