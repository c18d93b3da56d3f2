import { resolve } from 'node:path'
import type { SchemaPlace } from '@busbar/core'
import type { CompatibilityMode } from '@busbar/core/avro'
import {
  confluentRegistry,
  memoryRegistry,
  type RegistryAuth,
  type SubjectNaming,
} from '@busbar/schema-registry'
import { Failure } from '../command/failure.js'
import type { Io } from '../command/io.js'
import { RegistryStore } from './registry-store.js'
import type { SchemaStore } from './schema-store.js'
import { readSnapshot } from './snapshot.js'
import { SnapshotStore } from './snapshot-store.js'

export interface StoreOptions {
  /** For messages. */
  readonly command: string
  readonly registry: string | undefined
  readonly snapshot: string | undefined
  readonly subjects: Exclude<SubjectNaming, (place: SchemaPlace) => string>
  /** Whether a snapshot that is missing is made; else it is a failure. */
  readonly mayCreate?: boolean
  /** That of a snapshot that is made: `BACKWARD` unless given. One that is there has to have it, if given. */
  readonly compatibility?: CompatibilityMode | undefined
}

export interface OpenStore {
  readonly store: SchemaStore
  readonly subjectOf: (place: SchemaPlace) => string
}

/** The registry or the snapshot that options and environment name. @throws Failure if they name none, or both. */
export async function openStore(options: StoreOptions, io: Io): Promise<OpenStore> {
  const { command, snapshot, subjects } = options
  if (snapshot !== undefined) {
    if (options.registry !== undefined) {
      throw new Failure('give --registry or --snapshot, not both', { helpOf: command })
    }
    // A snapshot names its subjects as a registry would: whoever gets one later finds them there.
    const naming = memoryRegistry({ subjects })
    const store = await snapshotStore(snapshot, options, io)
    return { store, subjectOf: place => naming.subjectOf(place) }
  }
  const url = options.registry ?? io.env['SCHEMA_REGISTRY_URL']
  if (url === undefined || url === '') {
    throw new Failure(
      'name the schema registry (--registry <url>, or SCHEMA_REGISTRY_URL in the environment), or a --snapshot <file>',
      { helpOf: command },
    )
  }
  const auth = authOf(io.env)
  const registry = confluentRegistry({ url, subjects, ...(auth ? { auth } : {}) })
  return { store: new RegistryStore(registry), subjectOf: place => registry.subjectOf(place) }
}

async function snapshotStore(
  name: string,
  { command, mayCreate, compatibility }: StoreOptions,
  io: Io,
): Promise<SchemaStore> {
  const path = resolve(io.cwd, name)
  const snapshot = await readSnapshot(path)
  if (!snapshot && !mayCreate) {
    throw new Failure(
      `there is no snapshot ${name}: make it with busbar schemas push <module…> --snapshot ${name}`,
      { helpOf: command },
    )
  }
  if (snapshot && compatibility !== undefined && compatibility !== snapshot.compatibility) {
    throw new Failure(
      `${name} has the compatibility ${snapshot.compatibility}: change it in the file, or leave --compatibility away`,
    )
  }
  return new SnapshotStore(
    name,
    path,
    snapshot ?? { compatibility: compatibility ?? 'BACKWARD', subjects: {} },
  )
}

function authOf(env: Io['env']): RegistryAuth | undefined {
  const { SCHEMA_REGISTRY_TOKEN: token, SCHEMA_REGISTRY_USERNAME: username } = env
  const password = env['SCHEMA_REGISTRY_PASSWORD']
  if (token) {
    if (username) throw new Failure('set SCHEMA_REGISTRY_TOKEN or SCHEMA_REGISTRY_USERNAME, not both')
    return { token }
  }
  if (!username && !password) return undefined
  if (!username || !password) {
    throw new Failure('set both SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or neither')
  }
  return { username, password }
}
