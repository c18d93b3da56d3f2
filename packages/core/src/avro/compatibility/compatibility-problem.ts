import {
  type EnumNode,
  type FixedNode,
  nameOf,
  type SchemaNode,
  type UnionNode,
} from '../schema/schema-node.js'
import { promotions } from './can-read.js'

/**
 * What makes two versions of a schema incompatible, called as in registries and in Avro's Java library:
 *
 * | rule | |
 * |---|---|
 * | `READER_FIELD_MISSING_DEFAULT_VALUE` | the reader wants a field that the records don't have |
 * | `TYPE_MISMATCH` | the records have a type that the reader's is not read from |
 * | `MISSING_UNION_BRANCH` | the records may have a type that is no branch of the reader's union |
 * | `MISSING_ENUM_SYMBOLS` | the records may have symbols that the reader's enum has not |
 * | `NAME_MISMATCH` | a record, enum or fixed of another name |
 * | `FIXED_SIZE_MISMATCH` | a fixed of another size |
 * | `AMBIGUOUS_ALIAS` | a field and its aliases stand for several fields of the records |
 * | `LOGICAL_TYPE_CHANGED` | only a warning: the bytes can be read, and mean something else |
 */
export type CompatibilityRule =
  | 'READER_FIELD_MISSING_DEFAULT_VALUE'
  | 'TYPE_MISMATCH'
  | 'MISSING_UNION_BRANCH'
  | 'MISSING_ENUM_SYMBOLS'
  | 'NAME_MISMATCH'
  | 'FIXED_SIZE_MISMATCH'
  | 'AMBIGUOUS_ALIAS'
  | 'LOGICAL_TYPE_CHANGED'

/** One reason why a version may not follow another. */
export interface CompatibilityProblem {
  /**
   * Where in the schema that reads: `User.address.street`; `[]` are an array's items, `{}` a map's values, `(Dog)` a
   * branch of a union.
   */
  readonly path: string
  readonly rule: CompatibilityRule
  /** The number of the earlier version: the given one, or its place, from 1. */
  readonly version: number
  /** `backward`: the new version reads earlier records. `forward`: the earlier version reads new records. */
  readonly direction: 'backward' | 'forward'
  /** Names the field and the rule and says what to do. */
  readonly message: string
}

/** How messages call the two sides of one comparison. */
export interface Sides {
  readonly direction: CompatibilityProblem['direction']
  /** For example `version 3`; `old version` where there is only one. */
  readonly earlier: string
  /** For example `records of version 3`. */
  readonly earlierRecords: string
}

/** What cannot be read, before it is put into words. */
export type Finding =
  | { readonly rule: 'READER_FIELD_MISSING_DEFAULT_VALUE' }
  | { readonly rule: 'TYPE_MISMATCH'; readonly reader: SchemaNode; readonly writer: SchemaNode }
  | { readonly rule: 'MISSING_UNION_BRANCH'; readonly reader: UnionNode; readonly writer: SchemaNode }
  | { readonly rule: 'MISSING_ENUM_SYMBOLS'; readonly reader: EnumNode; readonly symbols: readonly string[] }
  | { readonly rule: 'NAME_MISMATCH'; readonly reader: string; readonly writer: string }
  | { readonly rule: 'FIXED_SIZE_MISMATCH'; readonly reader: FixedNode; readonly writer: FixedNode }
  | { readonly rule: 'AMBIGUOUS_ALIAS'; readonly fields: readonly string[] }

/** The whole sentence for a finding. */
export function describe(path: string, finding: Finding, sides: Sides): string {
  const { direction, earlier, earlierRecords } = sides
  return direction === 'backward'
    ? `${path} (new version cannot read ${earlierRecords}): ${backward(finding, earlierRecords)}`
    : `${path} (${earlier} cannot read new records): ${forward(finding, earlier.replace(/^old/, 'the old'))}`
}

function backward(finding: Finding, records: string): string {
  switch (finding.rule) {
    case 'READER_FIELD_MISSING_DEFAULT_VALUE':
      return `the field has no default and ${records} do not have it: give it a default`
    case 'TYPE_MISMATCH': {
      const { reader, writer } = finding
      const wider = promotions[writer.kind]
      const advice = wider === undefined ? '' : `, or make it ${wider.join(' or ')}`
      return `${records} may have ${label(writer)}, which is not read as ${label(reader)}: keep ${label(writer)}${advice}`
    }
    case 'MISSING_UNION_BRANCH':
      return `${records} may have ${label(finding.writer)}, which no branch of its union (${branches(finding.reader)}) reads: keep that branch`
    case 'MISSING_ENUM_SYMBOLS':
      return `${records} may have symbols that the enum ${finding.reader.name} does not (${finding.symbols.join(', ')}): keep them, or give the enum a default`
    case 'NAME_MISMATCH':
      return `its name is ${finding.reader}, and ${finding.writer} in ${records}: keep the name, or give it the alias "${finding.writer}"`
    case 'FIXED_SIZE_MISMATCH':
      return `it has ${finding.reader.size} bytes, and ${finding.writer.size} in ${records}: keep the size, or add a field with a default instead`
    case 'AMBIGUOUS_ALIAS':
      return `its name and aliases stand for several fields of ${records} (${finding.fields.join(', ')}): leave out aliases, so that one is left`
  }
}

function forward(finding: Finding, earlier: string): string {
  switch (finding.rule) {
    case 'READER_FIELD_MISSING_DEFAULT_VALUE':
      return `the field has no default in ${earlier} and new records do not have it: keep the field`
    case 'TYPE_MISMATCH': {
      const { reader, writer } = finding
      return `new records may have ${label(writer)}, which is not read as ${label(reader)} of ${earlier}: keep ${label(reader)}, or add a field of another name instead`
    }
    case 'MISSING_UNION_BRANCH':
      return `new records may have ${label(finding.writer)}, which no branch of its union in ${earlier} (${branches(finding.reader)}) reads: leave out that branch, or add a field of another name instead`
    case 'MISSING_ENUM_SYMBOLS':
      return `new records may have symbols that the enum ${finding.reader.name} does not have in ${earlier} (${finding.symbols.join(', ')}), nor a default for them: leave them out, or add a field of another enum instead`
    case 'NAME_MISMATCH':
      return `its name is ${finding.reader} in ${earlier}, and ${finding.writer} in new records: keep the name`
    case 'FIXED_SIZE_MISMATCH':
      return `it has ${finding.reader.size} bytes in ${earlier}, and ${finding.writer.size} in new records: keep the size, or add a field of another name instead`
    case 'AMBIGUOUS_ALIAS':
      return `its name and aliases in ${earlier} stand for several fields of new records (${finding.fields.join(', ')}): leave out fields, so that one is left`
  }
}

function branches(union: UnionNode): string {
  return union.branches.map(nameOf).join(', ') || 'none'
}

function label(node: SchemaNode): string {
  return 'name' in node ? `${node.kind} ${node.name}` : node.kind
}
