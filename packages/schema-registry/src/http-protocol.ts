import { BusbarError } from '@busbar/core'
import { HttpCaller, type HttpCallerOptions, type HttpQuestion } from './http-caller.js'
import { ConnectionFault } from './http-faults.js'
import { type HttpPlace, readAnswer, unavailable } from './http-verdicts.js'
import { nobodyAnswers } from './outage.js'
import type { RegistryProtocol, SchemaText } from './protocol.js'
import type {
  CompatibilityLevel,
  CompatibilityVerdict,
  SchemaReference,
  SubjectVersion,
} from './registry-client.js'

type Json = Readonly<Record<string, unknown>>

/** Confluent's protocol ("Schema Registry API Reference") over HTTP. */
export class HttpProtocol implements RegistryProtocol {
  readonly name: string
  readonly #caller: HttpCaller

  constructor(name: string, options: HttpCallerOptions) {
    this.name = name
    this.#caller = new HttpCaller(options)
  }

  async schema(id: number): Promise<SchemaText | undefined> {
    const { found, place } = await this.#ask('GET', `/schemas/ids/${id}`)
    return found && schemaIn(place, found)
  }

  async register(subject: string, schema: SchemaText): Promise<number> {
    const { found, place } = await this.#ask('POST', `${pathOf(subject)}/versions`, bodyOf(schema))
    return numberIn(place, found ?? {}, 'id')
  }

  async lookup(subject: string, schema: SchemaText): Promise<SubjectVersion | undefined> {
    const { found, place } = await this.#ask('POST', pathOf(subject), bodyOf(schema))
    // Not every registry repeats the type here.
    return found && versionIn(place, { schemaType: schema.type, ...found })
  }

  async version(subject: string, version: number | 'latest'): Promise<SubjectVersion | undefined> {
    const { found, place } = await this.#ask('GET', `${pathOf(subject)}/versions/${version}`)
    return found && versionIn(place, found)
  }

  async versions(subject: string): Promise<readonly number[]> {
    const { found, place } = await this.#ask('GET', `${pathOf(subject)}/versions`)
    return found === undefined ? [] : listIn(place, found, each => Number.isInteger(each))
  }

  async subjects(): Promise<readonly string[]> {
    const { found, place } = await this.#ask('GET', '/subjects')
    return listIn(place, found, each => typeof each === 'string')
  }

  async compatibility(subject: string | undefined): Promise<CompatibilityLevel> {
    if (subject !== undefined) {
      const own = await this.#ask('GET', `/config/${encodeURIComponent(subject)}?defaultToGlobal=true`)
      if (own.found) return textIn(own.place, own.found, 'compatibilityLevel') as CompatibilityLevel
    }
    const { found, place } = await this.#ask('GET', '/config')
    return textIn(place, found ?? {}, 'compatibilityLevel') as CompatibilityLevel
  }

  async setCompatibility(level: CompatibilityLevel, subject: string | undefined): Promise<void> {
    const path = subject === undefined ? '/config' : `/config/${encodeURIComponent(subject)}`
    const { found } = await this.#ask('PUT', path, { compatibility: level })
    if (found !== undefined) return
    throw new BusbarError(
      'SCHEMA_UNKNOWN',
      `schema registry ${this.name}: subject "${subject}" has no versions yet, and so no level of its own: register one first`,
      { retryable: false },
    )
  }

  async check(subject: string, schema: SchemaText): Promise<CompatibilityVerdict> {
    // Not every registry applies the level to this question: some hold a schema against all versions that are asked for.
    const level = await this.compatibility(subject)
    const against = level.endsWith('_TRANSITIVE') ? '' : '/latest'
    const path = `/compatibility${pathOf(subject)}/versions${against}?verbose=true`
    const { found, place } = await this.#ask('POST', path, bodyOf(schema))
    // Nothing is there that it might not fit.
    if (found === undefined || level === 'NONE') return { compatible: true, reasons: [] }
    const { is_compatible: compatible, messages } = found
    if (typeof compatible !== 'boolean') throw nonsense(place, 'is_compatible')
    return { compatible, reasons: Array.isArray(messages) ? messages.map(String) : [] }
  }

  async #ask(
    method: HttpQuestion['method'],
    path: string,
    body?: unknown,
  ): Promise<{ readonly found: Json | undefined; readonly place: HttpPlace }> {
    const place: HttpPlace = { name: this.name, question: { method, path, body } }
    const answer = await this.#caller.ask(place.question).catch((fault: unknown) => {
      if (!(fault instanceof ConnectionFault))
        throw BusbarError.from(fault, 'REGISTRY_UNAVAILABLE', this.name)
      throw nobodyAnswers(
        unavailable(place, `is not to be reached: ${fault.message}: ${fault.advice}`, fault.cause ?? fault),
      )
    })
    const found = readAnswer(place, answer)
    if (found === undefined || (typeof found === 'object' && found !== null)) {
      return { found: found as Json | undefined, place }
    }
    throw unavailable(place, `answered with a ${typeof found}: check its URL`)
  }
}

function pathOf(subject: string): string {
  return `/subjects/${encodeURIComponent(subject)}`
}

function bodyOf({ type, text, references }: SchemaText): Json {
  // Left out where it can be: registries before version 5.5 know neither.
  return {
    schema: text,
    ...(type === 'AVRO' ? {} : { schemaType: type }),
    ...(references.length === 0 ? {} : { references }),
  }
}

function schemaIn(place: HttpPlace, json: Json): SchemaText {
  const { schemaType = 'AVRO', references = [] } = json
  if (typeof schemaType !== 'string') throw nonsense(place, 'schemaType')
  return {
    type: schemaType,
    text: textIn(place, json, 'schema'),
    references: referencesIn(place, references),
  }
}

function versionIn(place: HttpPlace, json: Json): SubjectVersion {
  const id = numberIn(place, json, 'id')
  const version = numberIn(place, json, 'version')
  return { ...schemaIn(place, json), subject: textIn(place, json, 'subject'), version, id }
}

function referencesIn(place: HttpPlace, references: unknown): readonly SchemaReference[] {
  return listIn<Json>(place, references ?? [], each => typeof each === 'object' && each !== null).map(
    each => ({
      name: textIn(place, each, 'name'),
      subject: textIn(place, each, 'subject'),
      version: numberIn(place, each, 'version'),
    }),
  )
}

function textIn(place: HttpPlace, json: Json, name: string): string {
  const value = json[name]
  if (typeof value === 'string') return value
  throw nonsense(place, name)
}

function numberIn(place: HttpPlace, json: Json, name: string): number {
  const value = json[name]
  if (typeof value === 'number' && Number.isInteger(value)) return value
  throw nonsense(place, name)
}

function listIn<T>(place: HttpPlace, json: unknown, is: (each: unknown) => boolean): readonly T[] {
  if (Array.isArray(json) && json.every(is)) return json as T[]
  throw nonsense(place, 'a list')
}

function nonsense(place: HttpPlace, name: string): BusbarError {
  return unavailable(place, `answered JSON that is none of a schema registry's (${name}): check its URL`)
}
