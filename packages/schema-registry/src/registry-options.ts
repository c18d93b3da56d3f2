import { BusbarError, type SchemaPlace } from '@busbar/core'
import { type SubjectNaming, subjectNaming } from './subject-naming.js'

/** What all registries take. */
export interface RegistryOptions {
  /** How subjects are named. Default: `topic`. */
  readonly subjects?: SubjectNaming
  /**
   * Whether publishing registers a schema that its subject does not have. Meant for development: in production, whoever
   * releases a contract registers it (`busbar schemas push`). Default: false.
   */
  readonly autoRegister?: boolean
  readonly cache?: CacheOptions
}

/** How much is kept in memory, and for how long. What registries have under an id never changes, so that hits stay. */
export interface CacheOptions {
  /** Schemas, and ids of schemas, each. Those that were not used for the longest time go first. Default: 1,000. */
  readonly entries?: number
  /** The newest versions of a subject that a start fetches, and that a schema is compared with. Default: 20. */
  readonly versions?: number
  /**
   * How long a failure is the answer to the same question, in milliseconds: an id that is unknown, a schema that is not
   * registered; and to every question when the registry does not answer. 0: not at all. Longer than retries take in all,
   * it makes dead letters of what would have come right. Default: 250.
   */
  readonly failureMs?: number
  /** Failures that are remembered. Default: 1,000. */
  readonly failures?: number
}

export interface ResolvedOptions {
  readonly subjectOf: (place: SchemaPlace) => string
  readonly autoRegister: boolean
  readonly cache: Required<CacheOptions>
}

/** Checks the options and fills in defaults. @throws BusbarError `CONFIG_INVALID` that names the option. */
export function resolveOptions(where: string, options: RegistryOptions): ResolvedOptions {
  const { subjects = 'topic', autoRegister = false, cache = {} } = options
  if (typeof autoRegister !== 'boolean') throw invalidOption(where, 'autoRegister', 'must be true or false')
  return {
    subjectOf: subjectNaming(subjects, where),
    autoRegister,
    cache: {
      entries: numberOption(where, 'cache.entries', cache.entries ?? 1_000, 1),
      versions: numberOption(where, 'cache.versions', cache.versions ?? 20, 1),
      failureMs: numberOption(where, 'cache.failureMs', cache.failureMs ?? 250, 0),
      failures: numberOption(where, 'cache.failures', cache.failures ?? 1_000, 1),
    },
  }
}

/** A number of at least `least`, and of at most `most`. @throws BusbarError `CONFIG_INVALID` that names the option. */
export function numberOption(
  where: string,
  name: string,
  value: number,
  least: number,
  most = Number.MAX_VALUE,
): number {
  if (typeof value === 'number' && value >= least && value <= most) return value
  const limit = most === Number.MAX_VALUE ? '' : `, and of at most ${most}`
  throw invalidOption(where, name, `must be a number of at least ${least}${limit}`)
}

export function invalidOption(where: string, name: string, rule: string): BusbarError {
  return new BusbarError('CONFIG_INVALID', `${where}: option "${name}" ${rule}`)
}
