import { migrate } from '@busbar/store-postgres'
import { Pool, type PoolClient } from 'pg'
import { environment, type ServiceName, schemaOf } from './environment.js'

/** Opens the schema of a service, and makes the tables that are missing: its own, and those of marks and outbox. */
export async function openDatabase(service: ServiceName, tables: string): Promise<Pool> {
  const schema = schemaOf(service)
  const pool = new Pool({
    connectionString: environment.postgres,
    options: `-c search_path=${schema}`,
    max: 10,
  })
  pool.on('error', error => console.error(`an idle connection was lost: ${error.message}`))
  // One transaction, and one instance at a time: "if not exists" alone fails where two begin together.
  await pool.query(
    `select pg_advisory_xact_lock(hashtextextended('${schema}', 0)); create schema if not exists ${schema}; ${tables}`,
  )
  await migrate(pool)
  return pool
}

/** Runs `work` in a transaction, and commits it unless `work` fails. */
export async function inTransaction(pool: Pool, work: (client: PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect()
  // A connection that breaks between two queries: the next one says so.
  const ignore = () => {}
  client.on('error', ignore)
  try {
    await client.query('begin')
    await work(client)
    await client.query('commit')
  } catch (error) {
    // Closing the connection rolls back, whatever state it is in.
    client.release(true)
    throw error
  }
  client.removeListener('error', ignore)
  client.release()
}
