import { BusbarError } from '@busbar/core'
import { compatibilityModes } from '@busbar/core/avro'
import { grouped } from '../contracts/contract.js'
import { loadContracts } from '../contracts/load-contracts.js'
import { examine, type Finding } from '../schemas/examine.js'
import { openStore, type StoreOptions } from '../schemas/open-store.js'
import { type Report, reportJson, reportText } from '../schemas/report.js'
import type { SchemaStore } from '../schemas/schema-store.js'
import { type SubjectSchema, subjectSchemas, type UncheckedSchema } from '../schemas/subject-schemas.js'
import { Failure } from './failure.js'
import type { Command, Io } from './io.js'
import { oneOf, parsed } from './options.js'

const shared = {
  registry: { type: 'string' },
  snapshot: { type: 'string' },
  subjects: { type: 'string' },
  json: { type: 'boolean' },
} as const

const sharedHelp = `  <module…>             compiled modules (ESM or CommonJS; TypeScript where Node can load it); they are run
  --registry <url>      a registry that speaks Confluent's protocol. Default: SCHEMA_REGISTRY_URL.
                        Credentials: SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or SCHEMA_REGISTRY_TOKEN
  --snapshot <file>     where there is no registry: a file with all versions, to be committed
  --subjects <naming>   topic (default), record or topic-record: as the bus names them
  --json                the result as JSON
`

const exitHelp = `Exit codes: 0 fine; 1 a contract is incompatible, or not pushed where it has to be; 2 anything else.
JSON Schemas are not compared: they are listed as unchecked.
`

export const check: Command = {
  name: 'schemas check',
  summary: 'says whether contracts fit the versions in a schema registry or a snapshot',
  help: `Usage: busbar schemas check <module…> (--registry <url> | --snapshot <file>) [options]

Says of each Avro schema of the contracts that the modules export whether its subject has it (ok), has no versions
yet (new), may get it as its next version (changed), or may not (INCOMPATIBLE), and then which field breaks which rule.

${sharedHelp}  --require-pushed      fails where a schema is new or changed

${exitHelp}`,
  async run(args, io) {
    const { values, modules } = parsed(this.name, args, {
      ...shared,
      'require-pushed': { type: 'boolean' },
    })
    const { store, findings, unchecked } = await examined(modules, storeOptions(this.name, values), io)
    const unpushed = findings.filter(({ status }) => status === 'new' || status === 'changed')
    const isFine = isCompatible(findings) && !(values['require-pushed'] && unpushed.length > 0)
    print({ store: store.name, findings, unchecked }, isFine, values.json, io)
    io.err(`${summary(findings, unchecked)} (${store.name})\n`)
    if (unpushed.length > 0) io.err('what is new or changed is yet to be pushed: busbar schemas push\n')
    return isFine ? 0 : 1
  },
}

export const push: Command = {
  name: 'schemas push',
  summary: 'registers the schemas of contracts, or adds them to a snapshot',
  help: `Usage: busbar schemas push <module…> (--registry <url> | --snapshot <file>) [options]

Makes each Avro schema of the contracts that the modules export the next version of its subject, unless it is one
already. If one of them is incompatible, none is pushed.

${sharedHelp}  --compatibility <mode>
                        of a snapshot that is made now: BACKWARD (default), FORWARD, FULL, each also
                        with _TRANSITIVE, or NONE. Later it is changed in the file, for one subject or for all

${exitHelp}`,
  async run(args, io) {
    const { values, modules } = parsed(this.name, args, { ...shared, compatibility: { type: 'string' } })
    if (values.compatibility !== undefined && values.snapshot === undefined) {
      throw new Failure('--compatibility is for a snapshot; a registry has its own', { helpOf: this.name })
    }
    const given = values.compatibility
    const compatibility =
      given === undefined ? undefined : oneOf(this.name, 'compatibility', given, compatibilityModes)
    const options = { ...storeOptions(this.name, values), mayCreate: true, compatibility }
    const all = await examined(modules, options, io)
    const { store, findings, unchecked } = all
    if (!isCompatible(findings)) {
      print({ store: store.name, findings, unchecked }, false, values.json, io)
      io.err(`${summary(findings, unchecked)} (${store.name}): nothing was pushed\n`)
      return 1
    }
    const pushed = await pushMissing(all, io)
    if (!pushed) return 1
    print({ store: store.name, findings: pushed, unchecked }, true, values.json, io)
    io.err(`${summary(pushed, unchecked)} (${store.name})\n`)
    return 0
  },
}

function storeOptions(
  command: string,
  values: { readonly registry?: string; readonly snapshot?: string; readonly subjects?: string },
): StoreOptions {
  const namings = ['topic', 'record', 'topic-record'] as const
  return {
    command,
    registry: values.registry,
    snapshot: values.snapshot,
    subjects: oneOf(command, 'subjects', values.subjects ?? 'topic', namings),
  }
}

interface Examined {
  readonly store: SchemaStore
  /** In the order of the findings. */
  readonly schemas: readonly SubjectSchema[]
  readonly findings: readonly Finding[]
  readonly unchecked: readonly UncheckedSchema[]
}

async function examined(modules: readonly string[], options: StoreOptions, io: Io): Promise<Examined> {
  const contracts = await loadContracts(modules, io.cwd)
  const { store, subjectOf } = await openStore(options, io)
  const { subjects, unchecked } = subjectSchemas(contracts, subjectOf)
  return { store, schemas: subjects, findings: await examine(store, subjects), unchecked }
}

/** What became of them; undefined where somebody else has pushed meanwhile what they do not fit. */
async function pushMissing(
  { store, schemas, findings }: Examined,
  io: Io,
): Promise<Report['findings'] | undefined> {
  const missing = schemas.filter((_, index) => findings[index]?.status !== 'ok')
  try {
    const versions = [...(await store.push(missing))]
    return findings.map(each =>
      each.status === 'ok' ? each : { ...each, status: 'pushed' as const, version: versions.shift() },
    )
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown
    const { message, code } = BusbarError.from(thrown, 'REGISTRY_UNAVAILABLE', `pushing to ${store.name}`)
    const told = `${message} (${code})\nSome schemas may have been pushed: pushing again goes on where this ended`
    if (code !== 'SCHEMA_INCOMPATIBLE') throw new Failure(told, { cause: thrown })
    io.err(`busbar: ${told}\n`)
    return undefined
  }
}

function isCompatible(findings: readonly Finding[]): boolean {
  return findings.every(({ status }) => status !== 'INCOMPATIBLE')
}

function print(report: Report, isFine: boolean, asJson: boolean | undefined, io: Io): void {
  io.out(asJson ? reportJson(report, isFine) : reportText(report))
}

function summary(findings: Report['findings'], unchecked: readonly UncheckedSchema[]): string {
  const statuses = [...findings.map(({ status }) => status), ...unchecked.map(() => 'unchecked')]
  const counts = [...grouped(statuses, status => status)].map(([status, all]) => `${all.length} ${status}`)
  return counts.join(', ') || 'no schemas'
}
