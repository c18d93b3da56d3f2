import { BusbarError, type SchemaDocument } from '@busbar/core'
import type { SchemaRegistryClient, SubjectVersion } from '@busbar/schema-registry'
import type { History, SchemaStore, StoredVersion } from './schema-store.js'

/** The versions that a registry has. */
export class RegistryStore implements SchemaStore {
  readonly name: string
  readonly #registry: SchemaRegistryClient

  constructor(registry: SchemaRegistryClient) {
    this.name = registry.name
    this.#registry = registry
  }

  async history(subject: string, schema: SchemaDocument): Promise<History> {
    const registry = this.#registry
    const numbers = await registry.versions(subject)
    const mode = await registry.compatibility(subject)
    if (numbers.length === 0) return { mode, versions: [], present: undefined, verdict: undefined }
    const present = await registry.lookup(subject, schema)
    if (present) return { mode, versions: [], present: present.version, verdict: undefined }
    const versions = await this.#versions(subject, mode.endsWith('_TRANSITIVE') ? numbers : numbers.slice(-1))
    return { mode, versions, present: undefined, ...(await this.#verdict(subject, schema)) }
  }

  /** Some registries cannot compare with a version that refers to other subjects, and call ours invalid for it. */
  async #verdict(subject: string, schema: SchemaDocument): Promise<Pick<History, 'verdict' | 'unanswered'>> {
    try {
      return { verdict: await this.#registry.check(subject, schema) }
    } catch (thrown) {
      if (!(thrown instanceof BusbarError) || thrown.code !== 'SCHEMA_INVALID') throw thrown
      return { verdict: undefined, unanswered: thrown.message }
    }
  }

  async push(schemas: Parameters<SchemaStore['push']>[0]): Promise<readonly (number | undefined)[]> {
    const versions: (number | undefined)[] = []
    for (const { subject, schema } of schemas) {
      await this.#registry.register(subject, schema)
      versions.push((await this.#registry.lookup(subject, schema))?.version)
    }
    return versions
  }

  async #versions(subject: string, numbers: readonly number[]): Promise<readonly StoredVersion[]> {
    const versions: StoredVersion[] = []
    for (const number of numbers) {
      const found = await this.#registry.version(subject, number)
      // Deleted meanwhile: then nothing is compared with it.
      if (found) versions.push(await this.#stored(found))
    }
    return versions
  }

  async #stored({ version, id, type, text }: SubjectVersion): Promise<StoredVersion> {
    if (type !== 'AVRO') return { version, definition: undefined, references: [] }
    const { references } = await this.#registry.schemaOf(id)
    const parsed = (each: string): unknown => JSON.parse(each)
    return { version, definition: parsed(text), references: references.map(parsed) }
  }
}
