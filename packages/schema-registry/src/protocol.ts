import type {
  CompatibilityLevel,
  CompatibilityVerdict,
  SchemaReference,
  SubjectVersion,
} from './registry-client.js'

/** A schema as registries exchange it. */
export interface SchemaText {
  readonly type: string
  readonly text: string
  readonly references: readonly SchemaReference[]
}

/**
 * What registries can do, one question each, with no memory of answers: all of Confluent's protocol that is used here.
 * What is not there is undefined; everything else that goes wrong rejects with a `BusbarError`.
 */
export interface RegistryProtocol {
  /** Holds no credentials. */
  readonly name: string
  schema(id: number): Promise<SchemaText | undefined>
  register(subject: string, schema: SchemaText): Promise<number>
  lookup(subject: string, schema: SchemaText): Promise<SubjectVersion | undefined>
  version(subject: string, version: number | 'latest'): Promise<SubjectVersion | undefined>
  versions(subject: string): Promise<readonly number[]>
  subjects(): Promise<readonly string[]>
  compatibility(subject: string | undefined): Promise<CompatibilityLevel>
  setCompatibility(level: CompatibilityLevel, subject: string | undefined): Promise<void>
  check(subject: string, schema: SchemaText): Promise<CompatibilityVerdict>
}
