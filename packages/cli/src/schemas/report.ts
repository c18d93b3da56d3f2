import type { Finding } from './examine.js'
import type { UncheckedSchema } from './subject-schemas.js'

/** What a command says about schemas. */
export interface Report {
  /** The registry, or the snapshot. */
  readonly store: string
  readonly findings: readonly (Finding | PushedFinding)[]
  readonly unchecked: readonly UncheckedSchema[]
}

/** `version` is the one that it has become. */
interface PushedFinding extends Omit<Finding, 'status'> {
  readonly status: 'pushed'
}

/** One line for each subject, and below it the fields and the rules. */
export function reportText({ findings, unchecked }: Report): string {
  const rows = [
    ...findings.map(finding => ({
      status: finding.status as string,
      name: finding.subject,
      said: saidOf(finding),
      below: belowOf(finding),
    })),
    ...unchecked.map(({ contract, reason }) => ({
      status: 'unchecked',
      name: contract,
      said: reason,
      below: [],
    })),
  ]
  const width = (of: (row: (typeof rows)[number]) => string) => Math.max(...rows.map(row => of(row).length))
  const statusWidth = width(({ status }) => status)
  const nameWidth = width(({ name }) => name)
  return rows
    .map(({ status, name, said, below }) => {
      const line = `${status.padEnd(statusWidth)}  ${name.padEnd(nameWidth)}  ${said}\n`
      return line + below.map(each => `  ${each}\n`).join('')
    })
    .join('')
}

export function reportJson({ store, findings, unchecked }: Report, isFine: boolean): string {
  const subjects = findings.map(finding => ({ ...finding, version: finding.version ?? null }))
  return `${JSON.stringify({ store, ok: isFine, subjects, unchecked }, null, 2)}\n`
}

function saidOf({ status, version, mode, contracts }: Finding | PushedFinding): string {
  const of = contracts.join(', ')
  switch (status) {
    case 'ok':
      return `version ${version} (${of})`
    case 'pushed':
      return `as version ${version ?? 'unknown'}, ${mode} (${of})`
    case 'new':
      return `has no versions yet (${of})`
    case 'changed':
      return `may follow version ${version}, ${mode} (${of})`
    case 'INCOMPATIBLE':
      return `may not follow version ${version}, ${mode} (${of})`
  }
}

function belowOf({ problems, registryReasons, notes }: Finding | PushedFinding): readonly string[] {
  return [
    ...problems.map(({ message, rule }) => `${message} [${rule}]`),
    ...registryReasons.map(reason => `the registry: ${reason}`),
    ...notes,
  ]
}
