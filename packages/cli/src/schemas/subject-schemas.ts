import { type SchemaDocument, type SchemaPlace, schemasOf } from '@busbar/core'
import { type Contract, compare } from '../contracts/contract.js'

/** A schema that a subject is to have, and the contracts that need it there. */
export interface SubjectSchema {
  readonly subject: string
  readonly contracts: readonly string[]
  readonly schema: SchemaDocument
}

/** A schema that is in no registry. */
export interface UncheckedSchema {
  readonly contract: string
  readonly reason: string
}

export interface SortedSchemas {
  /** By subject; where a subject is to have several, they follow each other. */
  readonly subjects: readonly SubjectSchema[]
  readonly unchecked: readonly UncheckedSchema[]
}

/** @throws BusbarError `CONFIG_INVALID` where subjects are named by records and a schema is none. */
export function subjectSchemas(
  contracts: readonly Contract[],
  subjectOf: (place: SchemaPlace) => string,
): SortedSchemas {
  const subjects = new Map<string, SubjectSchema>()
  const unchecked: UncheckedSchema[] = []
  for (const contract of contracts) {
    for (const { role, errorName, place, schema, isRegistered } of schemasOf(contract)) {
      const name = [contract.name, role === 'payload' ? undefined : (errorName ?? role)]
        .filter(Boolean)
        .join('.')
      if (!schema || !isRegistered || schema.format !== 'avro') {
        unchecked.push({ contract: name, reason: reasonFor(schema) })
        continue
      }
      const subject = subjectOf(place)
      const key = JSON.stringify([subject, schema.definition])
      const known = subjects.get(key)?.contracts ?? []
      subjects.set(key, { subject, schema, contracts: [...new Set([...known, name])] })
    }
  }
  const sorted = [...subjects.values()].sort((one, other) => compare(one.subject, other.subject))
  return { subjects: sorted, unchecked }
}

function reasonFor(schema: SchemaDocument | undefined): string {
  if (!schema) return 'no schema to compare'
  return schema.format === 'json-schema'
    ? 'JSON Schema: not compared, and in no registry, since its records name no schema id'
    : 'its codec keeps no schema in a registry'
}
