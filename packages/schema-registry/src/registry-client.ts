import type { SchemaDocument, SchemaRegistry } from '@busbar/core'
import type { CompatibilityMode } from '@busbar/core/avro'

/**
 * How the versions of a subject must fit each other (Confluent Schema Registry, "Schema Evolution and Compatibility").
 * BACKWARD: the new schema reads what the last one wrote; FORWARD: the last one reads what the new one writes; FULL:
 * both. The transitive ones hold against all versions.
 */
export type CompatibilityLevel = CompatibilityMode

/** A schema of another subject that a schema refers to. */
export interface SchemaReference {
  /** What the schema calls it; in Avro the full name of a type. */
  readonly name: string
  readonly subject: string
  readonly version: number
}

/** A schema to register, to look up or to check. */
export interface RegistrySchema extends SchemaDocument {
  /** The schemas that it refers to. Default: none. */
  readonly references?: readonly SchemaReference[]
}

/** A schema as one version of a subject. */
export interface SubjectVersion {
  readonly subject: string
  readonly version: number
  readonly id: number
  /** What the registry calls its format: `AVRO`, `JSON`, `PROTOBUF`. */
  readonly type: string
  readonly text: string
  readonly references: readonly SchemaReference[]
}

/** Whether a schema may become the next version of a subject, and if not, what the registry says why: maybe nothing. */
export interface CompatibilityVerdict {
  readonly compatible: boolean
  readonly reasons: readonly string[]
}

/**
 * A registry as a bus uses it, and for those who look after it. What follows asks the registry each time; everything may
 * reject with `REGISTRY_UNAVAILABLE` or `REGISTRY_DENIED`.
 */
export interface SchemaRegistryClient extends SchemaRegistry {
  /**
   * Registers a schema as the next version of a subject; does nothing where it is a version of it already.
   *
   * @returns its id.
   * @throws BusbarError `SCHEMA_INCOMPATIBLE` with the registry's reasons; `SCHEMA_INVALID` for a schema that it does not accept.
   */
  register(subject: string, schema: RegistrySchema): Promise<number>
  /** The version of a subject that has this very schema. */
  lookup(subject: string, schema: RegistrySchema): Promise<SubjectVersion | undefined>
  latest(subject: string): Promise<SubjectVersion | undefined>
  version(subject: string, version: number): Promise<SubjectVersion | undefined>
  /** The numbers of its versions, oldest first; none where there is no such subject. */
  versions(subject: string): Promise<readonly number[]>
  subjects(): Promise<readonly string[]>
  /** The level that holds for a subject, its own or else the global one; the global one without a subject. */
  compatibility(subject?: string): Promise<CompatibilityLevel>
  /** Sets the level of a subject, or the global one. Some registries know no level of a subject without versions: `SCHEMA_UNKNOWN`. */
  setCompatibility(level: CompatibilityLevel, subject?: string): Promise<void>
  /** Whether a schema may become the next version of a subject, by the subject's level. Registers nothing. */
  check(subject: string, schema: RegistrySchema): Promise<CompatibilityVerdict>
}
