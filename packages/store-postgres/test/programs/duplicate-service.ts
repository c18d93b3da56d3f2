// One of several services that get the same events: node duplicate-service.js <url> <marks> <effects> <runs> <count>
import { Pool } from 'pg'
import { orderService } from '../support/order-service.js'

const [url = '', table = '', effects = '', runs = '', count = ''] = process.argv.slice(2)

const pool = new Pool({ connectionString: url, max: 20 })
// Another pool: handlers that hold the last connection of one and wait for a second of it would wait for ever.
const outside = new Pool({ connectionString: url, max: 5 })
const service = await orderService({
  pool,
  table,
  handle: async (client, order) => {
    // Not within the transaction: also what is rolled back has run.
    await outside.query(`insert into ${runs} values ($1)`, [order])
    await client.query(`insert into ${effects} values ($1)`, [order])
  },
})
const reports = await Promise.all(
  Array.from({ length: Number(count) }, (_, i) => service.deliver(`order ${i}`)),
)
await service[Symbol.asyncDispose]()
await Promise.all([pool.end(), outside.end()])
console.log(JSON.stringify({ outcomes: reports.map(({ outcome }) => outcome) }))
