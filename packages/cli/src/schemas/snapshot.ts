import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { reasonOf } from '@busbar/core'
import { type CompatibilityMode, compatibilityModes, parseSchema } from '@busbar/core/avro'
import { Failure } from '../command/failure.js'
import { compare, type Json } from '../contracts/contract.js'

/** All versions of all subjects, as a file that is committed beside the contracts. */
export interface Snapshot {
  /** Holds for each subject that has none of its own. */
  readonly compatibility: CompatibilityMode
  readonly subjects: Readonly<Record<string, SnapshotSubject>>
}

export interface SnapshotSubject {
  readonly compatibility?: CompatibilityMode
  /** Oldest first. The first is version 1. */
  readonly versions: readonly unknown[]
}

/** The snapshot in a file; undefined if there is no such file. @throws Failure for one that is no snapshot. */
export async function readSnapshot(path: string): Promise<Snapshot | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Failure(`the snapshot ${path} could not be read: ${reasonOf(thrown)}`, { cause: thrown })
  }
  try {
    return snapshotOf(JSON.parse(text))
  } catch (thrown) {
    const isMerge = /^(?:<{7}|={7}|>{7})/m.test(text)
    const hint = isMerge ? ': it has marks of a merge; keep the versions of both sides' : ''
    throw new Failure(`${path} is no snapshot of schemas: ${reasonOf(thrown)}${hint}`, { cause: thrown })
  }
}

/** Replaces the file as a whole: whoever reads it meanwhile gets the old one or the new one. */
export async function writeSnapshot(path: string, snapshot: Snapshot): Promise<void> {
  const subjects = Object.fromEntries(
    Object.entries(snapshot.subjects).sort(([one], [other]) => compare(one, other)),
  )
  const text = `${JSON.stringify({ ...snapshot, subjects }, null, 2)}\n`
  const beside = `${path}.${process.pid}.tmp`
  try {
    await writeFile(beside, text)
    await rename(beside, path)
  } catch (thrown) {
    await rm(beside, { force: true })
    throw new Failure(`the snapshot ${path} could not be written: ${reasonOf(thrown)}`, { cause: thrown })
  }
}

function snapshotOf(value: unknown): Snapshot {
  const { compatibility, subjects } = fields(value, 'it')
  const named = Object.entries(fields(subjects, '"subjects"')).map(
    ([name, subject]) => [name, subjectOf(subject, `subject ${name}`)] as const,
  )
  return { compatibility: modeOf(compatibility, 'its "compatibility"'), subjects: Object.fromEntries(named) }
}

function subjectOf(value: unknown, where: string): SnapshotSubject {
  const { compatibility, versions } = fields(value, where)
  if (!Array.isArray(versions)) throw new Error(`${where} has no list of "versions"`)
  for (const [index, definition] of versions.entries()) {
    try {
      parseSchema(definition)
    } catch (thrown) {
      throw new Error(`version ${index + 1} of ${where}: ${reasonOf(thrown)}`, { cause: thrown })
    }
  }
  const own =
    compatibility === undefined ? {} : { compatibility: modeOf(compatibility, `"compatibility" of ${where}`) }
  return { ...own, versions: versions as readonly unknown[] }
}

function fields(value: unknown, where: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw new Error(`${where} is no object`)
}

function modeOf(value: unknown, where: string): CompatibilityMode {
  const found = compatibilityModes.find(mode => mode === value)
  if (found !== undefined) return found
  throw new Error(`${where} is none of ${compatibilityModes.join(', ')}`)
}
