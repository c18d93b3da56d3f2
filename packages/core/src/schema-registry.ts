/** The kinds of schema that contracts have. */
export type SchemaFormat = 'avro' | 'json-schema'

/** A schema as data: for registries, for comparing versions, and for documentation. */
export interface SchemaDocument {
  readonly format: SchemaFormat
  /** The schema itself, plain JSON. Complete: it refers to nothing outside of itself. */
  readonly definition: unknown
  /** The full name of the record that it describes, where it describes one and names it. */
  readonly recordName?: string
}

/** Where a schema is used: what subject naming strategies choose a subject by. */
export interface SchemaPlace {
  /** The topic of its records; for replies and declared errors, a name derived from the request's. */
  readonly topic: string
  /** See {@link SchemaDocument.recordName}. */
  readonly recordName: string | undefined
}

/** A schema as a registry keeps it. */
export interface RegisteredSchema {
  /** Four bytes; stands before every value in the Confluent wire format. */
  readonly id: number
  /** What the registry calls its format: `AVRO`, `JSON`, `PROTOBUF`. */
  readonly type: string
  /** The schema itself. */
  readonly text: string
  /** The schemas that it refers to, with theirs, so that each comes after those that it needs. */
  readonly references: readonly string[]
}

/**
 * What a bus needs of a schema registry. Answers come from memory where they can, so that no message costs a call, and
 * then without a promise. Everything may throw, or reject with, `REGISTRY_UNAVAILABLE` or `REGISTRY_DENIED`.
 *
 * `confluentRegistry` and `memoryRegistry` of `@busbar/schema-registry` implement it.
 */
export interface SchemaRegistry {
  /** How messages name it; holds no credentials. */
  readonly name: string
  /** The subject under which the schemas of a place are kept. */
  subjectOf(place: SchemaPlace): string
  /** The schema of an id; `SCHEMA_UNKNOWN` if there is none: a retry may find it. */
  schemaOf(id: number): RegisteredSchema | Promise<RegisteredSchema>
  /**
   * The id of this very schema under a subject. `SCHEMA_UNKNOWN`, not retryable, if it is not registered and the registry
   * was not told to register what is missing; `SCHEMA_INCOMPATIBLE` where registering it is refused.
   */
  idOf(subject: string, schema: SchemaDocument): number | Promise<number>
  /** Fetches the schemas that records of a subject may have; it is no failure if there are none yet. */
  preload(subject: string): Promise<void>
}
