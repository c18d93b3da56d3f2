import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withFileLock } from '../file-lock.js'
import { freePorts } from '../free-ports.js'
import { BrokerNode } from './broker-node.js'
import type { BrokerRuntime } from './broker-runtime.js'
import type { JavaRuntime } from './java-runtime.js'

/**
 * Makes the class-data archive that about halves a broker's start, once per Java version, by a broker that is started
 * and ended for it. Brokers also start without, so a failure is only told on standard error.
 */
export async function ensureClassArchive(runtime: JavaRuntime): Promise<void> {
  if (existsSync(runtime.archive)) return
  try {
    await withFileLock(`${runtime.archive}.lock`, async () => {
      if (!existsSync(runtime.archive)) await makeArchive(runtime)
    })
  } catch (error) {
    process.stderr.write(
      `Kafka will start slowly, without a class-data archive: ${(error as Error).message}\n`,
    )
  }
}

async function makeArchive(runtime: JavaRuntime): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-kafka-archive-'))
  const partial = `${runtime.archive}.${process.pid}`
  const [plain = 0, controller = 0] = await freePorts(2)
  const recorder: BrokerRuntime = {
    kind: runtime.kind,
    bindAddress: runtime.bindAddress,
    format: runtime.format.bind(runtime),
    run: (where: string) => runtime.runForArchive(where, partial),
    release: runtime.release.bind(runtime),
  }
  const ports = { plain, controller }
  const settings = { nodeId: 1, folder, bindAddress: runtime.bindAddress, ports, config: {} }
  const node = new BrokerNode(recorder, { ...settings, voters: new Map([[1, controller]]) })
  try {
    await node.prepare()
    await node.launch()
    await node.ready()
    await node.stop()
    await rename(partial, runtime.archive)
  } finally {
    await node.kill()
    await rm(folder, { recursive: true, force: true })
    await rm(partial, { force: true })
  }
}
