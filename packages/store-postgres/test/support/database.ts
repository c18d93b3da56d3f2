import { randomUUID } from 'node:crypto'
import { type MigrateOptions, migrate } from '@busbar/store-postgres'
import { postgresForTests } from '@busbar/testkit'
import { Pool, type PoolConfig } from 'pg'

/** Pools on the Postgres that test files share, and tables of their own. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  readonly pool: Pool
  readonly idempotency: string
  readonly outbox: string
  /** Another pool, ended with the database. */
  newPool(config?: PoolConfig): Pool
}

/** Undefined where there is no Postgres, said aloud. */
export async function testDatabase(): Promise<TestDatabase | undefined> {
  const server = await postgresForTests()
  if (server === undefined) return undefined
  const { url } = server
  const suffix = randomUUID().slice(0, 8)
  const tables = { idempotency: `marks_${suffix}`, outbox: `outbox_${suffix}` } satisfies MigrateOptions
  const pools: Pool[] = []
  const newPool = (config: PoolConfig = {}): Pool => {
    const pool = new Pool({ connectionString: url, max: 20, ...config })
    pool.on('error', () => {})
    pools.push(pool)
    return pool
  }
  const pool = newPool()
  await migrate(pool, tables)
  return {
    ...tables,
    url,
    pool,
    newPool,
    [Symbol.asyncDispose]: async () => void (await Promise.all(pools.map(each => each.end()))),
  }
}
