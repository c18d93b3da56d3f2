import type { SchemaDocument } from '@busbar/core'
import type { CompatibilityMode } from '@busbar/core/avro'

/** A version of a subject. */
export interface StoredVersion {
  readonly version: number
  /** Undefined for a format that is not compared here. */
  readonly definition: unknown
  /** The schemas that it refers to, each after those that it needs itself. */
  readonly references: readonly unknown[]
}

/** A subject as it is before anything is pushed. */
export interface History {
  readonly mode: CompatibilityMode
  /** Oldest first; at least those that the mode compares with. */
  readonly versions: readonly StoredVersion[]
  /** The version that is this very schema. */
  readonly present: number | undefined
  /** What a registry itself says of the schema; undefined where there is none to ask, or it could not say. */
  readonly verdict: { readonly compatible: boolean; readonly reasons: readonly string[] } | undefined
  /** Why it could not. */
  readonly unanswered?: string | undefined
}

/** Where versions of schemas are kept: a registry, or a file. */
export interface SchemaStore {
  /** As messages call it; holds no credentials. */
  readonly name: string
  history(subject: string, schema: SchemaDocument): Promise<History>
  /** Adds versions, in this order; returns the number of each, where the store tells it. */
  push(
    schemas: readonly { readonly subject: string; readonly schema: SchemaDocument }[],
  ): Promise<readonly (number | undefined)[]>
}
