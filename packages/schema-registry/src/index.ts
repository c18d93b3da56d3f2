export {
  type ConfluentRegistryOptions,
  confluentRegistry,
  type RegistryAuth,
  type RegistryTls,
} from './confluent-registry.js'
export { type MemoryRegistryOptions, memoryRegistry } from './memory-registry.js'
export type {
  CompatibilityLevel,
  CompatibilityVerdict,
  RegistrySchema,
  SchemaReference,
  SchemaRegistryClient,
  SubjectVersion,
} from './registry-client.js'
export type { CacheOptions, RegistryOptions } from './registry-options.js'
export type { SubjectNaming } from './subject-naming.js'
