import type { BrokerRuntime, RuntimeOptions } from './broker-runtime.js'
import { ensureClassArchive } from './class-archive.js'
import { dockerRuntime } from './docker-runtime.js'
import { javaRuntime } from './java-runtime.js'
import { KafkaUnavailable } from './kafka-unavailable.js'

/**
 * The first way to run brokers that works here: docker, then Java with Maven.
 *
 * @throws KafkaUnavailable when none does.
 */
export async function chooseRuntime(
  options: RuntimeOptions,
  folder: string,
  ports: readonly number[],
): Promise<BrokerRuntime> {
  const docker = await dockerRuntime(options, folder, ports)
  if (typeof docker !== 'string') return docker
  const java = await javaRuntime(options)
  if (typeof java === 'string') throw new KafkaUnavailable([docker, java])
  // The archive holds the classes as the quick flags want them; with others it is no use.
  if (!options.fast) await ensureClassArchive(java)
  return java
}
