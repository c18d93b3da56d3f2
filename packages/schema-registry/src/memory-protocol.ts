import { BusbarError, reasonOf } from '@busbar/core'
import { compatibilityModes, definitionOf, parseSchema } from '@busbar/core/avro'
import { verdictOf } from './memory-verdicts.js'
import type { RegistryProtocol, SchemaText } from './protocol.js'
import { resolveReferences } from './references.js'
import type { CompatibilityLevel, CompatibilityVerdict, SubjectVersion } from './registry-client.js'

const NAME = 'in memory'

/** A schema, and what its definition needs, as texts. */
export interface MemorySchema extends SchemaText {
  readonly needs: readonly string[]
}

interface MemoryVersion extends MemorySchema {
  readonly subject: string
  readonly version: number
  readonly id: number
}

/** What a schema registry does, in this process; each answer comes later, as over a network. */
export class MemoryProtocol implements RegistryProtocol {
  readonly name = NAME
  readonly #subjects = new Map<string, MemoryVersion[]>()
  /** By id - 1. */
  readonly #schemas: SchemaText[] = []
  /** By what makes schemas equal: then they have one id, in all subjects. */
  readonly #ids = new Map<string, number>()
  readonly #levels = new Map<string, CompatibilityLevel>()
  #level: CompatibilityLevel

  constructor(level: CompatibilityLevel) {
    this.#level = level
  }

  async schema(id: number): Promise<SchemaText | undefined> {
    return this.#schemas[id - 1]
  }

  async register(subject: string, schema: SchemaText): Promise<number> {
    const complete = await this.#complete(schema)
    const key = identityOf(complete)
    const versions = this.#subjects.get(subject) ?? []
    const known = versions.find(each => identityOf(each) === key)
    if (known) return known.id
    const { compatible, reasons } = verdictOf(this.#levelOf(subject), complete, versions)
    if (!compatible) {
      throw new BusbarError(
        'SCHEMA_INCOMPATIBLE',
        `schema registry ${NAME}, subject "${subject}": the schema may not follow the versions before it: ${reasons.join('; ')}`,
      )
    }
    const id = this.#ids.get(key) ?? this.#schemas.push(schema)
    this.#ids.set(key, id)
    this.#subjects.set(subject, [...versions, { ...complete, subject, id, version: versions.length + 1 }])
    return id
  }

  async lookup(subject: string, schema: SchemaText): Promise<SubjectVersion | undefined> {
    const versions = this.#subjects.get(subject)
    if (versions === undefined) return undefined
    const key = identityOf(await this.#complete(schema))
    return publicPart(versions.find(each => identityOf(each) === key))
  }

  async version(subject: string, version: number | 'latest'): Promise<SubjectVersion | undefined> {
    const versions = this.#subjects.get(subject) ?? []
    return publicPart(version === 'latest' ? versions.at(-1) : versions[version - 1])
  }

  async versions(subject: string): Promise<readonly number[]> {
    return (this.#subjects.get(subject) ?? []).map(({ version }) => version)
  }

  async subjects(): Promise<readonly string[]> {
    return [...this.#subjects.keys()]
  }

  async compatibility(subject: string | undefined): Promise<CompatibilityLevel> {
    return this.#levelOf(subject)
  }

  async setCompatibility(level: CompatibilityLevel, subject: string | undefined): Promise<void> {
    if (!compatibilityModes.includes(level)) {
      const levels = compatibilityModes.join(', ')
      throw new BusbarError('SCHEMA_INVALID', `schema registry ${NAME}: a level is one of ${levels}`)
    }
    if (subject === undefined) this.#level = level
    else this.#levels.set(subject, level)
  }

  async check(subject: string, schema: SchemaText): Promise<CompatibilityVerdict> {
    const complete = await this.#complete(schema)
    return verdictOf(this.#levelOf(subject), complete, this.#subjects.get(subject) ?? [])
  }

  #levelOf(subject: string | undefined): CompatibilityLevel {
    return (subject === undefined ? undefined : this.#levels.get(subject)) ?? this.#level
  }

  async #complete(schema: SchemaText): Promise<MemorySchema> {
    const needs = await resolveReferences(schema.references, ({ subject, version }) => {
      const found = this.#subjects.get(subject)?.[version - 1]
      if (found) return found
      throw invalid(`it refers to version ${version} of subject "${subject}", which there is not`)
    })
    const complete = { ...schema, needs }
    try {
      identityOf(complete)
    } catch (cause) {
      throw invalid(reasonOf(cause), cause)
    }
    return complete
  }
}

/**
 * What two schemas have in common that a registry takes for one: everything but spaces and the order of properties.
 *
 * @throws Error for one that is no schema.
 */
function identityOf({ type, text, references, needs }: MemorySchema): string {
  const definition: unknown = JSON.parse(text)
  if (type !== 'AVRO') return JSON.stringify([type, definition, references])
  const node = parseSchema(
    definition,
    needs.map(each => JSON.parse(each) as unknown),
  )
  return JSON.stringify([type, definitionOf(node), references])
}

function publicPart(version: MemoryVersion | undefined): SubjectVersion | undefined {
  if (version === undefined) return undefined
  const { needs: _, ...rest } = version
  return rest
}

function invalid(why: string, cause?: unknown): BusbarError {
  const options = cause === undefined ? {} : { cause }
  return new BusbarError(
    'SCHEMA_INVALID',
    `schema registry ${NAME}: the schema is not accepted: ${why}`,
    options,
  )
}
