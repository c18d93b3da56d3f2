import { BusbarError } from '../../error.js'

/** `where` says which part of the schema is meant. */
export function invalidSchema(where: string, why: string): BusbarError {
  return new BusbarError('SCHEMA_INVALID', `this Avro schema is not valid: ${where}: ${why}`)
}

/** A part of a schema, for messages. */
export function quote(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value)
}
