import type { RegistrySchema, SchemaReference } from '@busbar/schema-registry'

export interface TestField {
  readonly name: string
  readonly type: unknown
  readonly default?: unknown
  readonly doc?: string
}

export const field = (name: string, type: unknown, more: Partial<TestField> = {}): TestField => ({
  name,
  type,
  ...more,
})

export function avroSchema(definition: unknown, references?: readonly SchemaReference[]): RegistrySchema {
  return { format: 'avro', definition, ...(references ? { references } : {}) }
}

/** A record `User` with these fields. */
export function userSchema(
  fields: readonly TestField[],
  more: Readonly<Record<string, unknown>> = {},
): RegistrySchema {
  return avroSchema({ type: 'record', name: 'User', ...more, fields })
}
