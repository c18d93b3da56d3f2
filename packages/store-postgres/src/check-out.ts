import type { Pool, PoolClient } from 'pg'
import { postgresFailure } from './postgres-failure.js'

/**
 * Takes a client out of a pool, with a listener for its errors from the first moment: the promise of `pool.connect()`
 * leaves a gap, in which the death of a connection, when it comes with the server's first answer, ends the process.
 * @throws BusbarError `CONNECTION_FAILED`
 */
export function checkOut(pool: Pool, doing: string, onError: (error: Error) => void): Promise<PoolClient> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (error || !client) return reject(postgresFailure(doing, error))
      client.on('error', onError)
      resolve(client)
    })
  })
}
