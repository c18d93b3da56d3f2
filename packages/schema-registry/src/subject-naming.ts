import { BusbarError, type SchemaPlace } from '@busbar/core'

/**
 * Which subject holds the schema of a place; the names are those of Confluent's serializers. `topic`: `<topic>-value`,
 * so that a topic has one record type. `record`: the record's full name, so that a record type has one history in all
 * topics. `topic-record`: `<topic>-<full name>`. Or a function.
 */
export type SubjectNaming = 'topic' | 'record' | 'topic-record' | ((place: SchemaPlace) => string)

const namings: Readonly<Record<string, (place: SchemaPlace) => string>> = {
  topic: ({ topic }) => `${topic}-value`,
  record: recordNameOf,
  'topic-record': place => `${place.topic}-${recordNameOf(place)}`,
}

/** @throws BusbarError `CONFIG_INVALID` for what is no naming; so does its result for a name that is none. */
export function subjectNaming(naming: SubjectNaming, where: string): (place: SchemaPlace) => string {
  const name =
    typeof naming === 'function' ? naming : Object.hasOwn(namings, naming) ? namings[naming] : undefined
  if (name === undefined) {
    throw new BusbarError(
      'CONFIG_INVALID',
      `${where}: option "subjects" must be "topic", "record", "topic-record" or a function`,
    )
  }
  return place => {
    const subject: unknown = name(place)
    if (typeof subject === 'string' && subject !== '') return subject
    throw new BusbarError(
      'CONFIG_INVALID',
      `${where}: "subjects" gave no name for the schema of topic ${place.topic}`,
    )
  }
}

function recordNameOf({ topic, recordName }: SchemaPlace): string {
  if (recordName !== undefined) return recordName
  throw new BusbarError(
    'CONFIG_INVALID',
    `the schema of topic ${topic} describes no named record, by which its subject would be named: use a record, or name subjects by "topic"`,
  )
}
