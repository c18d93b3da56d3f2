import { BusbarError, type RegisteredSchema, type SchemaDocument } from '@busbar/core'
import { Lookups } from './lookups.js'
import { Outage } from './outage.js'
import type { RegistryProtocol, SchemaText } from './protocol.js'
import { resolveReferences } from './references.js'
import type {
  CompatibilityLevel,
  CompatibilityVerdict,
  RegistrySchema,
  SchemaReference,
  SchemaRegistryClient,
  SubjectVersion,
} from './registry-client.js'
import type { ResolvedOptions } from './registry-options.js'
import { writtenForm } from './same-schema.js'
import { textOf } from './schema-text.js'
import { sharedSubjectHint } from './shared-subject.js'
import { Turns } from './turns.js'

/** Ids are four bytes on the wire, and a signed integer in registries. */
const MAX_ID = 2 ** 31 - 1
/** Questions of one preload that are under way at a time. */
const PRELOAD_AT_ONCE = 4
/** Preloads under way at a time: a start with many subjects must not spend the time limit of its calls in a queue. */
const PRELOADS_AT_ONCE = 8

/** A registry that remembers: one way to ask it, with caches in front. */
export class CachedRegistry implements SchemaRegistryClient {
  readonly name: string
  readonly subjectOf: ResolvedOptions['subjectOf']
  readonly #protocol: RegistryProtocol
  readonly #options: ResolvedOptions
  readonly #outage: Outage
  readonly #schemas: Lookups<number, RegisteredSchema>
  readonly #versions: Lookups<string, SubjectVersion>
  readonly #ids: Lookups<string, number>
  /** By the schema itself, so that a publish that asks again compares no text. */
  readonly #idsOfDocument = new WeakMap<SchemaDocument, Map<string, number>>()
  readonly #preloads = new Map<string, Promise<void>>()
  readonly #preloadTurns = new Turns(PRELOADS_AT_ONCE)

  constructor(protocol: RegistryProtocol, options: ResolvedOptions) {
    this.name = protocol.name
    this.subjectOf = options.subjectOf
    this.#protocol = protocol
    this.#options = options
    this.#outage = new Outage(options.cache.failureMs)
    this.#schemas = new Lookups(options.cache)
    this.#versions = new Lookups(options.cache)
    this.#ids = new Lookups(options.cache)
  }

  schemaOf(id: number): RegisteredSchema | Promise<RegisteredSchema> {
    if (!Number.isInteger(id) || id < 0 || id > MAX_ID) {
      throw new BusbarError('SCHEMA_UNKNOWN', `no schema registry has an id ${id}`, { retryable: false })
    }
    return this.#schemas.find(id, async () => {
      const schema = await this.#outage.guard(() => this.#protocol.schema(id))
      if (schema) return this.#complete(id, schema)
      throw new BusbarError(
        'SCHEMA_UNKNOWN',
        `the schema registry ${this.name} has no schema of id ${id}: the record was written with another registry, or its schema was deleted`,
      )
    })
  }

  idOf(subject: string, schema: SchemaDocument): number | Promise<number> {
    const ids = this.#idsOfDocument.get(schema) ?? new Map<string, number>()
    const known = ids.get(subject)
    if (known !== undefined) return known
    const remember = (id: number): number => {
      this.#idsOfDocument.set(schema, ids.set(subject, id))
      return id
    }
    const text = textOf(schema)
    const found = this.#ids.find(`${subject}\n${text.type}\n${text.text}`, () =>
      this.#outage.guard(() => this.#findId(subject, text)),
    )
    return found instanceof Promise ? found.then(remember) : remember(found)
  }

  preload(subject: string): Promise<void> {
    const underWay = this.#preloads.get(subject)
    if (underWay) return underWay
    const ask = (): Promise<void> => this.#preload(subject)
    const preload = this.#preloadTurns
      // Who had to wait goes by what those before learned; others ask in any case.
      .take(waited => (waited ? this.#outage.guard(ask) : this.#outage.watch(ask)))
      .finally(() => this.#preloads.delete(subject))
    this.#preloads.set(subject, preload)
    return preload
  }

  async register(subject: string, schema: RegistrySchema): Promise<number> {
    const id = await this.#protocol.register(subject, textOf(schema))
    for (const lookups of [this.#schemas, this.#versions, this.#ids]) lookups.forgetFailures()
    return id
  }

  lookup(subject: string, schema: RegistrySchema): Promise<SubjectVersion | undefined> {
    return this.#protocol.lookup(subject, textOf(schema))
  }

  latest(subject: string): Promise<SubjectVersion | undefined> {
    return this.#protocol.version(subject, 'latest')
  }

  version(subject: string, version: number): Promise<SubjectVersion | undefined> {
    return this.#protocol.version(subject, version)
  }

  versions(subject: string): Promise<readonly number[]> {
    return this.#protocol.versions(subject)
  }

  subjects(): Promise<readonly string[]> {
    return this.#protocol.subjects()
  }

  compatibility(subject?: string): Promise<CompatibilityLevel> {
    return this.#protocol.compatibility(subject)
  }

  setCompatibility(level: CompatibilityLevel, subject?: string): Promise<void> {
    return this.#protocol.setCompatibility(level, subject)
  }

  check(subject: string, schema: RegistrySchema): Promise<CompatibilityVerdict> {
    return this.#protocol.check(subject, textOf(schema))
  }

  async #findId(subject: string, schema: SchemaText): Promise<number> {
    const exact = await this.#protocol.lookup(subject, schema)
    if (exact) return exact.id
    const versions = await this.#newestVersions(subject)
    const equal = await this.#equalAmong(subject, versions, schema)
    if (equal !== undefined) return equal
    const latest = versions[0] === undefined ? undefined : await this.#schemaOfVersion(subject, versions[0])
    const hint = sharedSubjectHint(schema.text, latest?.text)
    if (this.#options.autoRegister) return this.#autoRegister(subject, schema, hint)
    const has =
      versions.length === 0 ? 'has no versions' : `has none equal to it (newest ${versions.length} compared)`
    throw new BusbarError(
      'SCHEMA_UNKNOWN',
      `the schema is not registered: subject "${subject}" of schema registry ${this.name} ${has}: run \`busbar schemas push\`, or set autoRegister${hint}`,
      { retryable: false },
    )
  }

  async #autoRegister(subject: string, schema: SchemaText, hint: string): Promise<number> {
    try {
      return await this.#protocol.register(subject, schema)
    } catch (thrown) {
      if (hint === '' || !(thrown instanceof BusbarError && thrown.code === 'SCHEMA_INCOMPATIBLE'))
        throw thrown
      throw new BusbarError(thrown.code, `${thrown.message}${hint}`, { cause: thrown.cause })
    }
  }

  /** The id of a version whose records are written the same, newest first. */
  async #equalAmong(
    subject: string,
    versions: readonly number[],
    schema: SchemaText,
  ): Promise<number | undefined> {
    const form = writtenForm({ ...schema, references: [] })
    if (form === undefined) return undefined
    for (const version of versions) {
      const candidate = await this.#schemaOfVersion(subject, version)
      if (candidate?.type === schema.type && writtenForm(candidate) === form) return candidate.id
    }
    return undefined
  }

  async #preload(subject: string): Promise<void> {
    const left = [...(await this.#newestVersions(subject))]
    const worker = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        await this.#schemaOfVersion(subject, next)
      }
    }
    await Promise.all(Array.from({ length: PRELOAD_AT_ONCE }, worker))
  }

  async #newestVersions(subject: string): Promise<readonly number[]> {
    const versions = await this.#protocol.versions(subject)
    return versions.toSorted((a, b) => b - a).slice(0, this.#options.cache.versions)
  }

  /** Undefined where it was deleted meanwhile. */
  async #schemaOfVersion(subject: string, version: number): Promise<RegisteredSchema | undefined> {
    try {
      const found = await this.#versionOf({ subject, version })
      const known = this.#schemas.known(found.id) ?? (await this.#complete(found.id, found))
      this.#schemas.set(found.id, known)
      return known
    } catch (error) {
      if (error instanceof BusbarError && error.code === 'SCHEMA_UNKNOWN') return undefined
      throw error
    }
  }

  async #complete(id: number, { type, text, references }: SchemaText): Promise<RegisteredSchema> {
    const texts = await resolveReferences(references, reference => this.#versionOf(reference))
    return { id, type, text, references: texts }
  }

  #versionOf({ subject, version }: Omit<SchemaReference, 'name'>): SubjectVersion | Promise<SubjectVersion> {
    return this.#versions.find(`${version} ${subject}`, async () => {
      const found = await this.#protocol.version(subject, version)
      if (found) return found
      throw new BusbarError(
        'SCHEMA_UNKNOWN',
        `the schema registry ${this.name} has no version ${version} of subject "${subject}"`,
      )
    })
  }
}
