import { BusbarError, reasonOf } from '@busbar/core'

/** What Postgres, or the way to it, failed with, as a `BusbarError`: retryable unless the table is missing. */
export function postgresFailure(doing: string, cause: unknown): BusbarError {
  if (cause instanceof BusbarError) return cause
  if (sqlStateOf(cause) === '42P01') {
    return new BusbarError('CONFIG_INVALID', `${doing}: ${reasonOf(cause)}: call migrate(pool) first`, {
      cause,
    })
  }
  return new BusbarError('CONNECTION_FAILED', `${doing}: ${reasonOf(cause)}`, { cause })
}

/** Another transaction got in the way; the same again can succeed. Only above READ COMMITTED. */
export function isSerializationFailure(thrown: unknown): boolean {
  return sqlStateOf(thrown) === '40001'
}

function sqlStateOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
}
