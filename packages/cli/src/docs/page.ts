import { type ContractSchema, schemasOf } from '@busbar/core'
import { Keys } from '../asyncapi/keys.js'
import { type Contract, inOneOrder } from '../contracts/contract.js'
import { avroTables } from './avro-tables.js'
import { jsonSchemaTables } from './json-schema-tables.js'
import { type Table, Tables } from './table.js'

export interface PageOptions {
  readonly title: string
  readonly version: string
  readonly description?: string | undefined
}

/** What a page says, before it is HTML or Markdown. */
export interface Page extends PageOptions {
  readonly entries: readonly Entry[]
}

/** One event or request. */
export interface Entry {
  readonly anchor: string
  readonly kind: Contract['kind']
  readonly name: string
  /** What is said of it in a line or two each: topic, key, format. */
  readonly facts: readonly (readonly [label: string, text: string])[]
  readonly parts: readonly Part[]
}

/** One schema of an entry. */
export interface Part {
  /** Undefined for the payload of an event, which needs no title. */
  readonly title: string | undefined
  readonly doc: string | undefined
  /** What it is where it is no record. */
  readonly note: string | undefined
  readonly tables: readonly Table[]
}

export function pageOf(contracts: readonly Contract[], options: PageOptions): Page {
  const anchors = new Keys()
  return { ...options, entries: inOneOrder(contracts).map(contract => entryOf(contract, anchors)) }
}

function entryOf(contract: Contract, anchors: Keys): Entry {
  const anchor = anchors.of(contract.name)
  return {
    anchor,
    kind: contract.kind,
    name: contract.name,
    facts: factsOf(contract),
    parts: schemasOf(contract).map(schema => partOf(contract, schema, anchor, anchors)),
  }
}

function factsOf({ topic, key, codec }: Contract): Entry['facts'] {
  const settings = [
    ...(topic.partitions === undefined ? [] : [`${topic.partitions} partitions`]),
    ...(topic.replication === undefined ? [] : [`${topic.replication} copies`]),
    ...Object.entries(topic.config ?? {}).map(([name, value]) => `${name}=${value}`),
  ]
  return [
    ['Topic', settings.length > 0 ? `${topic.name} (${settings.join(', ')})` : topic.name],
    [
      'Key',
      key ? 'Yes: messages of one key are handled in the order of their publishing.' : 'None: no order.',
    ],
    ['Format', codec.contentType],
  ]
}

function partOf(contract: Contract, part: ContractSchema, anchor: string, anchors: Keys): Part {
  const tables = new Tables(name => anchors.of(`${anchor}-${name}`))
  const { schema } = part
  if (!schema) {
    const note = part.role === 'error' ? 'Its data has no schema.' : 'No schema: any payload.'
    return { title: titleOf(contract, part), doc: undefined, note, tables: [] }
  }
  const root = schema.format === 'avro' ? avroTables : jsonSchemaTables
  const { type, doc } = root(schema.definition, tables)
  // A record is its table; what is no record has a type and perhaps tables of its parts.
  const isTable = type.length === 1 && typeof type[0] === 'object'
  const note = isTable
    ? undefined
    : type.map(piece => (typeof piece === 'string' ? piece : piece.text)).join('')
  const [first, ...others] = tables.all
  // The table of a whole that has no name of its own needs no title below that of its part.
  const isNameless = isTable && schema.recordName === undefined && first !== undefined
  const shown = isNameless ? [{ ...first, name: undefined }, ...others] : tables.all
  return { title: titleOf(contract, part), doc, note, tables: shown }
}

function titleOf({ kind }: Contract, { role, errorName }: ContractSchema): string | undefined {
  if (role === 'error') return `Error ${errorName}`
  if (role === 'reply') return 'Reply'
  return kind === 'request' ? 'Request' : undefined
}
