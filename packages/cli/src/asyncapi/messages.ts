import { type ContractSchema, schemasOf } from '@busbar/core'
import type { Contract, Json } from '../contracts/contract.js'
import { avroDefinition } from './avro-definition.js'
import { errorHeaders, headerSchemaNames } from './headers.js'
import { hasReference, rebased } from './json-schema-references.js'
import { Keys, reference } from './keys.js'

/** The keys of the messages of one contract in `components/messages`. */
export interface ContractMessages {
  readonly payload: string
  /** The reply and the declared errors. */
  readonly answers: readonly string[]
}

/** Fills the messages and their schemas of a document. */
export class Messages {
  readonly messages: Record<string, Json> = {}
  readonly schemas: Record<string, Json> = {}
  readonly #keys = new Keys()

  constructor() {
    for (const name of headerSchemaNames) this.#keys.of(name)
  }

  add(contract: Contract): ContractMessages {
    const [payload, ...answers] = schemasOf(contract).map(schema => this.#add(contract, schema))
    return { payload: payload as string, answers }
  }

  #add(contract: Contract, schema: ContractSchema): string {
    const key = this.#keys.of(schema.role === 'payload' ? contract.name : answerName(contract, schema))
    const trait = schema.role === 'payload' ? contract.kind : 'reply'
    this.messages[key] = {
      // The `ce_type` of its records: a declared error comes as the reply that it is.
      name: schema.role === 'payload' ? contract.name : `${contract.name}.reply`,
      title: schema.errorName ?? schema.schema?.recordName ?? key,
      ...descriptionOf(schema),
      contentType: schema.contentType,
      ...this.#payload(key, schema),
      ...(schema.role === 'payload' ? keyBinding(contract) : {}),
      ...(schema.errorName === undefined
        ? { traits: [reference('components', 'messageTraits', trait)] }
        : errorHeaders(schema.errorName)),
    }
    return key
  }

  #payload(key: string, { schema }: ContractSchema): Json {
    if (!schema) return {}
    const component = schemaComponent(key, schema)
    if (component === undefined) return {}
    this.schemas[key] = component
    return { payload: reference('components', 'schemas', key) }
  }
}

function schemaComponent(
  key: string,
  { format, definition }: NonNullable<ContractSchema['schema']>,
): Json | undefined {
  if (format === 'avro') {
    const schema = avroDefinition(definition)
    if (schema === undefined || hasReference(schema)) return undefined
    // The version that AsyncAPI's specification lists and tools know; what later ones added does not change its meaning.
    return { schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema }
  }
  const schema = rebased(definition, `#/components/schemas/${key}/schema`)
  if (schema === undefined) return undefined
  const draft = isLater(definition) ? '2020-12' : 'draft-07'
  return { schemaFormat: `application/schema+json;version=${draft}`, schema }
}

function isLater(definition: unknown): boolean {
  const uri = (definition as { readonly $schema?: unknown } | null)?.$schema
  return typeof uri === 'string' && uri.includes('2020-12')
}

function answerName(contract: Contract, { role, errorName }: ContractSchema): string {
  return role === 'error' ? `${contract.name}.${errorName}` : `${contract.name}.reply`
}

function descriptionOf({ role, errorName, schema }: ContractSchema): Json {
  if (role === 'error') return { description: `The request failed with the declared error ${errorName}.` }
  // Avro's word for it, and JSON Schema's.
  const { doc, description = doc } = Object(schema?.definition) as Json
  return typeof description === 'string' ? { description } : {}
}

function keyBinding({ key }: Contract): Json {
  if (key === undefined) return {}
  const description = 'The partition key: messages of one key are handled in the order of their publishing.'
  return { bindings: { kafka: { key: { type: 'string', description }, bindingVersion: '0.5.0' } } }
}
