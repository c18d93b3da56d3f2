import { compatibilityModes } from '@busbar/core/avro'
import { CachedRegistry } from './cached-registry.js'
import { MemoryProtocol } from './memory-protocol.js'
import type { CompatibilityLevel, SchemaRegistryClient } from './registry-client.js'
import { invalidOption, type RegistryOptions, resolveOptions } from './registry-options.js'

export interface MemoryRegistryOptions extends RegistryOptions {
  /** The global compatibility level. Default: `BACKWARD`, as Confluent's registry has it. */
  readonly compatibility?: CompatibilityLevel
}

/**
 * A schema registry in this process, for tests: empty, shared by those buses that are given it, and forgotten with it.
 * It gives the answers of a real one; only JSON Schemas are not held against those before them.
 *
 * @throws BusbarError `CONFIG_INVALID` that names the option that is wrong.
 */
export function memoryRegistry(options: MemoryRegistryOptions = {}): SchemaRegistryClient {
  const resolved = resolveOptions('memoryRegistry', options)
  const { compatibility = 'BACKWARD' } = options
  if (!compatibilityModes.includes(compatibility)) {
    throw invalidOption('memoryRegistry', 'compatibility', `must be one of ${compatibilityModes.join(', ')}`)
  }
  return new CachedRegistry(new MemoryProtocol(compatibility), resolved)
}
