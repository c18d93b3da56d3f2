import { BusbarError, type ContextKey, createContextKey } from '@busbar/core'
import type { PoolClient } from 'pg'

const missing = new Proxy({} as PoolClient, {
  get(_, property) {
    // Looking at it, as a logger or a promise does, is no use of it.
    if (typeof property === 'symbol' || property === 'then' || property === 'toJSON') return undefined
    throw new BusbarError(
      'CONFIG_INVALID',
      'there is no transaction: add transactional(pool) to the "use" of this subscription or of the bus',
    )
  },
})

/**
 * The client of the transaction that {@link transactional} has opened for a delivery:
 * `context.values.get(postgresClient)`. Using it without {@link transactional} throws `CONFIG_INVALID`.
 */
export const postgresClient: ContextKey<PoolClient> = createContextKey(
  'the transaction of this delivery',
  missing,
)
