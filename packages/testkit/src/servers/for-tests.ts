import { orSkip } from '../or-skip.js'
import type { RunningServer } from './running-server.js'
import { startPostgres } from './start-postgres.js'
import { startRedis } from './start-redis.js'
import { startRegistry } from './start-registry.js'

/** The variables in which the test runner names the servers that it has started for all test files. */
export const SHARED_REDIS_VARIABLE = 'BUSBAR_TEST_REDIS'
export const SHARED_POSTGRES_VARIABLE = 'BUSBAR_TEST_POSTGRES'
export const SHARED_REGISTRY_VARIABLE = 'BUSBAR_TEST_REGISTRY'

/** A server that test files share: use names of your own for keys, tables, schemas and subjects. */
export interface TestServer {
  readonly url: string
}

let redis: Promise<TestServer | undefined> | undefined
let postgres: Promise<TestServer | undefined> | undefined
let registry: Promise<TestServer | undefined> | undefined

/**
 * The Redis that test files share: the runner's, or one that is started for this file when it runs by hand (it ends with
 * the process). Without any way to run one this is undefined, said aloud: skip the file's tests.
 *
 * @throws ServerUnavailable instead where `CI` is set: nothing may be skipped silently there.
 */
export function redisForTests(): Promise<TestServer | undefined> {
  redis ??= find(SHARED_REDIS_VARIABLE, startRedis)
  return redis
}

/** The Postgres that test files share, as {@link redisForTests}. */
export function postgresForTests(): Promise<TestServer | undefined> {
  postgres ??= find(SHARED_POSTGRES_VARIABLE, startPostgres)
  return postgres
}

/** The schema registry that test files share, as {@link redisForTests}. */
export function registryForTests(): Promise<TestServer | undefined> {
  registry ??= find(SHARED_REGISTRY_VARIABLE, startRegistry)
  return registry
}

async function find(variable: string, start: () => Promise<RunningServer>): Promise<TestServer | undefined> {
  const given = process.env[variable]
  if (given !== undefined && given !== '') return { url: given }
  return orSkip(start)
}
