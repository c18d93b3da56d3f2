// A service that is killed at a chosen point of its one delivery: node dying-service.js <url> <marks> <effects> <point>
import { Pool, type PoolClient } from 'pg'
import { orderService } from '../support/order-service.js'

const [url = '', table = '', effects = '', point = ''] = process.argv.slice(2)

async function dieAt(here: string): Promise<void> {
  if (point !== here) return
  process.kill(process.pid, 'SIGKILL')
  await new Promise(() => {})
}

/** Lets the process die right before, or right after, the commit has been sent. */
function watchCommit(client: PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
  const watched = async (...args: unknown[]): Promise<unknown> => {
    if (args[0] !== 'commit') return query(...args)
    await dieAt('before the commit')
    const committing = query(...args)
    setImmediate(() => void dieAt('while it commits'))
    return committing
  }
  Object.assign(client, { query: watched })
}

const service = await orderService({
  pool: new Pool({ connectionString: url }),
  table,
  outside: async (_, next) => {
    await dieAt('before the handler')
    await next()
    await dieAt('after the commit')
  },
  handle: async (client, order) => {
    await dieAt('in the handler')
    watchCommit(client)
    await client.query(`insert into ${effects} values ($1)`, [order])
    await dieAt('after the effect')
  },
})
await service.deliver('the order')
