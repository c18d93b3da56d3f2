import { BusbarError } from '@busbar/core'
import { type CompatibilityMode, type CompatibilityProblem, checkCompatibility } from '@busbar/core/avro'
import { compare, grouped } from '../contracts/contract.js'
import type { History, SchemaStore, StoredVersion } from './schema-store.js'
import type { SubjectSchema } from './subject-schemas.js'

/** What is to be said of one schema of one subject. */
export interface Finding {
  readonly subject: string
  readonly contracts: readonly string[]
  /**
   * `ok`: a version of the subject is this very schema. `new`: the subject has no versions yet. `changed`: it may
   * follow the versions that there are. `INCOMPATIBLE`: it may not.
   */
  readonly status: 'ok' | 'new' | 'changed' | 'INCOMPATIBLE'
  readonly mode: CompatibilityMode
  /** The version that it is, or the latest that it was compared with. */
  readonly version: number | undefined
  /** Why it is incompatible, as found here. */
  readonly problems: readonly CompatibilityProblem[]
  /** Why it is incompatible, as the registry puts it. */
  readonly registryReasons: readonly string[]
  /** What else is worth knowing. */
  readonly notes: readonly string[]
}

/** Subjects that are asked for at a time. */
const atOnce = 8

/** Compares each schema with the versions of its subject; the findings are in the order of the schemas. */
export async function examine(
  store: SchemaStore,
  schemas: readonly SubjectSchema[],
): Promise<readonly Finding[]> {
  const waiting = [...grouped(schemas, ({ subject }) => subject).values()]
  const findings: Finding[] = []
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      findings.push(...(await examineSubject(store, next)))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return findings.sort((one, other) => compare(one.subject, other.subject))
}

/** One subject may be wanted for several schemas: each has to fit what is there, and those before it. */
async function examineSubject(
  store: SchemaStore,
  schemas: readonly SubjectSchema[],
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const pending: SubjectSchema[] = []
  for (const each of schemas) {
    const history = await store.history(each.subject, each.schema)
    const finding = findingOf(each, history, pending)
    findings.push(finding)
    if (finding.status !== 'ok') pending.push(each)
  }
  return findings
}

function findingOf(each: SubjectSchema, history: History, pending: readonly SubjectSchema[]): Finding {
  const { subject, contracts } = each
  const { mode, present, verdict } = history
  const base = { subject, contracts, mode, problems: [], registryReasons: [], notes: [] }
  if (present !== undefined) return { ...base, status: 'ok', version: present }
  const versions = withPending(history.versions, pending)
  const local = compared(each, mode, versions)
  const { unanswered } = history
  const foreign = versions.filter(({ definition }) => definition === undefined)
  const warnings = [
    ...(unanswered === undefined ? [] : [`compared here alone, since the registry could not: ${unanswered}`]),
    ...local.warnings.map(({ message }) => `warning: ${message}`),
  ]
  if (versions.length === 0) return { ...base, status: 'new', version: undefined }
  const version = versions.at(-1)?.version
  // Where the registry has been asked its word counts; of what is yet to be pushed it knows nothing.
  const isCompatible =
    pending.length === 0 && verdict
      ? verdict.compatible
      : local.compatible && (foreign.length === 0 || mode === 'NONE')
  if (!isCompatible) {
    return {
      ...base,
      status: 'INCOMPATIBLE',
      version,
      problems: local.problems,
      registryReasons: verdict?.compatible === false ? verdict.reasons : [],
      notes: [
        ...foreign.map(each => `version ${each.version} is no Avro schema`),
        ...(pending.length > 0 ? [sharingNote(each, version, pending)] : []),
        ...warnings,
      ],
    }
  }
  const disagreement = local.problems.map(({ message }) => `the registry accepts it, although: ${message}`)
  return { ...base, status: 'changed', version, notes: [...disagreement, ...warnings] }
}

function withPending(
  versions: readonly StoredVersion[],
  pending: readonly SubjectSchema[],
): readonly StoredVersion[] {
  const last = versions.at(-1)?.version ?? 0
  const next = pending.map(({ schema }, index) => ({
    version: last + index + 1,
    definition: schema.definition,
    references: [],
  }))
  return [...versions, ...next]
}

function compared(
  { subject, schema }: SubjectSchema,
  mode: CompatibilityMode,
  versions: readonly StoredVersion[],
): ReturnType<typeof checkCompatibility> {
  const against = versions
    .filter(({ definition }) => definition !== undefined)
    .map(({ version, definition, references }) => ({ version, schema: definition, references }))
  try {
    return checkCompatibility({ mode, schema: schema.definition, against })
  } catch (thrown) {
    throw BusbarError.from(thrown, 'SCHEMA_INVALID', `comparing the schema of ${subject}`)
  }
}

function sharingNote(
  { subject, schema: { recordName } }: SubjectSchema,
  version: number | undefined,
  pending: readonly SubjectSchema[],
): string {
  const others = pending.flatMap(({ contracts }) => contracts).join(', ')
  if (pending.every(each => each.schema.recordName === recordName)) {
    return `another schema of ${others} is to become version ${version}: versions are pushed in the order of the modules, and within a module of the names of its exports`
  }
  return `${subject} is to hold the schema of ${others}, too: for contracts of different records that share a topic use --subjects record or topic-record, here and in createBus`
}
