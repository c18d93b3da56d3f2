import type { SchemaDocument } from '@busbar/core'
import { type CompatibilityMode, definitionOf, parseSchema } from '@busbar/core/avro'
import type { History, SchemaStore } from './schema-store.js'
import { type Snapshot, type SnapshotSubject, writeSnapshot } from './snapshot.js'

/** The versions that a file has. */
export class SnapshotStore implements SchemaStore {
  readonly name: string
  readonly #path: string
  #snapshot: Snapshot

  /** `name` is the path as it was given, `path` the whole of it. */
  constructor(name: string, path: string, snapshot: Snapshot) {
    this.name = name
    this.#path = path
    this.#snapshot = snapshot
  }

  history(subject: string, schema: SchemaDocument): Promise<History> {
    const { compatibility, versions } = this.#subject(subject)
    const text = comparable(schema.definition)
    const present = versions.findLastIndex(each => comparable(each) === text)
    return Promise.resolve({
      mode: compatibility,
      versions: versions.map((definition, index) => ({ version: index + 1, definition, references: [] })),
      present: present < 0 ? undefined : present + 1,
      verdict: undefined,
    })
  }

  async push(schemas: Parameters<SchemaStore['push']>[0]): Promise<readonly number[]> {
    const subjects = new Map<string, SnapshotSubject>(Object.entries(this.#snapshot.subjects))
    const versions = schemas.map(({ subject, schema }) => {
      const known = subjects.get(subject) ?? { versions: [] }
      subjects.set(subject, { ...known, versions: [...known.versions, schema.definition] })
      return known.versions.length + 1
    })
    this.#snapshot = { ...this.#snapshot, subjects: Object.fromEntries(subjects) }
    if (versions.length > 0) await writeSnapshot(this.#path, this.#snapshot)
    return versions
  }

  #subject(subject: string): {
    readonly compatibility: CompatibilityMode
    readonly versions: readonly unknown[]
  } {
    const { compatibility, subjects } = this.#snapshot
    const known = Object.hasOwn(subjects, subject) ? subjects[subject] : undefined
    return { compatibility, versions: [], ...known }
  }
}

/** Equal for two texts of one schema, whatever the order and form of their attributes. */
function comparable(definition: unknown): string {
  return JSON.stringify(definitionOf(parseSchema(definition)))
}
