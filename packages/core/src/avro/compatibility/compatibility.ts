import { BusbarError } from '../../error.js'
import type { SchemaDocument } from '../../schema-registry.js'
import { parseSchema } from '../schema/parse-schema.js'
import { checkSchemaDefaults } from '../schema/schema-defaults.js'
import type { SchemaNode } from '../schema/schema-node.js'
import {
  type CompatibilityProblem,
  type CompatibilityRule,
  describe,
  type Sides,
} from './compatibility-problem.js'
import { explainIncompatibility } from './explain-incompatibility.js'
import { logicalTypeChanges } from './logical-type-changes.js'

export type { CompatibilityProblem, CompatibilityRule }

/**
 * What a new version of a schema owes to earlier ones (as in the Confluent Schema Registry):
 *
 * - `BACKWARD`: it reads the records of the latest version; readers are updated first.
 * - `FORWARD`: the latest version reads its records; writers are updated first.
 * - `FULL`: both, in any order.
 * - `…_TRANSITIVE`: the same with all earlier versions, not only the latest.
 * - `NONE`: nothing.
 */
export type CompatibilityMode = (typeof compatibilityModes)[number]

export const compatibilityModes = [
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
  'NONE',
] as const

/** An Avro schema: its definition as plain JSON, a codec of `avro()`, or the `SchemaDocument` of one. */
type AvroSource = unknown

/** A version with what a registry knows of it. */
export interface EarlierVersion {
  /** Its number. Default: its place among the versions, from 1. */
  readonly version?: number | undefined
  readonly schema: AvroSource
  /** The schemas that it refers to, each after those that it needs itself. */
  readonly references?: readonly AvroSource[] | undefined
}

export interface CompatibilityQuestion {
  readonly mode: CompatibilityMode
  /** The version that is to come. */
  readonly schema: AvroSource
  /** The schemas that it refers to, each after those that it needs itself. */
  readonly references?: readonly AvroSource[] | undefined
  /** The earlier versions, oldest first. With none of them, everything is compatible. */
  readonly against: readonly EarlierVersion[]
}

export interface CompatibilityResult {
  readonly compatible: boolean
  /** Why not: empty when compatible. */
  readonly problems: readonly CompatibilityProblem[]
  /** What no rule forbids, but changes what records mean (`LOGICAL_TYPE_CHANGED`). */
  readonly warnings: readonly CompatibilityProblem[]
}

/**
 * Whether a version of an Avro schema may follow others, and if not, why and what to do. Agrees with
 * Java's `SchemaCompatibility`, which the Confluent Schema Registry uses, except where that fails: a field whose alias is
 * its own name is no contradiction here.
 *
 * @throws BusbarError `SCHEMA_INVALID` for a schema that is none, or whose own defaults don't have their types (the
 * defaults of earlier versions are as they are); `CONFIG_INVALID` for a mode that is none.
 */
export function checkCompatibility(question: CompatibilityQuestion): CompatibilityResult {
  const { mode, against } = question
  if (!compatibilityModes.includes(mode)) {
    const modes = compatibilityModes.join(', ')
    throw new BusbarError('CONFIG_INVALID', `"${String(mode)}" is no compatibility mode: use one of ${modes}`)
  }
  const schema = parse(question)
  checkSchemaDefaults(schema)
  const problems: CompatibilityProblem[] = []
  const warnings: CompatibilityProblem[] = []
  for (const { node, version, sides } of versionsToCheck(mode, against)) {
    if (readsEarlier.test(mode)) problems.push(...problemsOf(schema, node, version, sides('backward')))
    if (isReadByEarlier.test(mode)) problems.push(...problemsOf(node, schema, version, sides('forward')))
    warnings.push(...warningsOf(schema, node, version, sides('backward')))
  }
  return { compatible: problems.length === 0, problems, warnings }
}

const readsEarlier = /^(?:BACKWARD|FULL)/
const isReadByEarlier = /^(?:FORWARD|FULL)/

interface VersionToCheck {
  readonly node: SchemaNode
  readonly version: number
  readonly sides: (direction: Sides['direction']) => Sides
}

function versionsToCheck(mode: CompatibilityMode, against: readonly EarlierVersion[]): VersionToCheck[] {
  if (mode === 'NONE') return []
  const numbered = against.map((each, index) => ({ ...each, version: each.version ?? index + 1 }))
  const isNamed = against.length > 1 || against.some(({ version }) => version !== undefined)
  return (mode.endsWith('_TRANSITIVE') ? numbered : numbered.slice(-1)).map(each => ({
    node: parse(each),
    version: each.version,
    sides: direction => ({
      direction,
      earlier: isNamed ? `version ${each.version}` : 'old version',
      earlierRecords: isNamed ? `records of version ${each.version}` : 'old records',
    }),
  }))
}

function problemsOf(
  reader: SchemaNode,
  writer: SchemaNode,
  version: number,
  sides: Sides,
): CompatibilityProblem[] {
  return explainIncompatibility(reader, writer).map(([path, finding]) => ({
    path,
    rule: finding.rule,
    version,
    direction: sides.direction,
    message: describe(path, finding, sides),
  }))
}

function warningsOf(
  schema: SchemaNode,
  earlier: SchemaNode,
  version: number,
  sides: Sides,
): CompatibilityProblem[] {
  return logicalTypeChanges(schema, earlier).map(({ path, reader, writer }) => ({
    path,
    rule: 'LOGICAL_TYPE_CHANGED',
    version,
    direction: sides.direction,
    message: `${path} (new version reads ${sides.earlierRecords}): its logical type is ${reader}, and ${writer} in ${sides.earlierRecords}, so that the same bytes may mean another value, which Avro does not check: keep it, or add a field of another name instead`,
  }))
}

function parse({ schema, references = [] }: Pick<EarlierVersion, 'schema' | 'references'>): SchemaNode {
  return parseSchema(definitionIn(schema), references.map(definitionIn))
}

/** The definition behind a document. What `parseSchema` knows itself, it is given as it is. */
function definitionIn(source: AvroSource): unknown {
  if (typeof source !== 'object' || source === null || !('format' in source && 'definition' in source)) {
    return source
  }
  const { format, definition } = source as SchemaDocument
  if (format === 'avro') return definition
  throw new BusbarError('SCHEMA_INVALID', `only Avro schemas can be compared, this one is ${format}`)
}
