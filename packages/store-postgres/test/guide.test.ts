// The programs of docs/idempotency-and-outbox.md.
import { createBus, defineEvent, idempotent, silentLogger } from '@busbar/core'
import { createOutbox, migrate, postgresClient, postgresStore, transactional } from '@busbar/store-postgres'
import { deadline, postgresForTests } from '@busbar/testkit'
import { memoryTransport } from '@busbar/transport-memory'
import { Pool } from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('the guide to idempotency and outbox')
const server = await postgresForTests()

if (server !== undefined) {
  test('runs as it is written', async () => {
    const url = new URL(server.url)
    const admin = new Pool({ connectionString: server.url })
    await admin.query('drop database if exists guide with (force)')
    await admin.query('create database guide')
    await admin.end()
    url.pathname = '/guide'
    const env = { POSTGRES_URL: url.href }

    const OrderPlaced = defineEvent<{ id: string; cents: number }>('order.placed', { key: order => order.id })
    const InvoiceSent = defineEvent<{ order: string }>('invoice.sent', { key: invoice => invoice.order })
    const bus = createBus({ name: 'shop', transport: memoryTransport(), logger: silentLogger })

    const pool = new Pool({ connectionString: env.POSTGRES_URL, max: 20 })
    pool.on('error', error => console.error(`an idle connection was lost: ${error.message}`))
    await migrate(pool) // both tables; changes nothing that is there

    const outbox = createOutbox({ bus })
    const relay = outbox.relay({ pool })
    await pool.query('create table orders (id text, cents int); create table invoices (order_id text)')
    const order = { id: '7', cents: 4_200 }
    const mails: string[] = []
    const mail = async (id: string) => void mails.push(id)

    bus.subscribe(OrderPlaced, { group: 'mailer', use: [idempotent(postgresStore(pool))] }, async placed => {
      await mail(placed.id)
    })

    bus.subscribe(OrderPlaced, { group: 'invoices', use: [transactional(pool)] }, async (placed, context) => {
      const client = context.values.get(postgresClient)
      await client.query('insert into invoices (order_id) values ($1)', [placed.id])
      // Goes out if, and only if, the invoice and the mark are committed.
      await outbox.publish(client, InvoiceSent, { order: placed.id })
    })

    const sent = new Promise<string>(resolve => {
      bus.subscribe(InvoiceSent, { group: 'archive' }, invoice => resolve(invoice.order))
    })
    await bus.start()

    const client = await pool.connect()
    try {
      await client.query('begin')
      await client.query('insert into orders (id, cents) values ($1, $2)', [order.id, order.cents])
      await outbox.publish(client, OrderPlaced, order)
      await client.query('commit')
    } catch (error) {
      await client.query('rollback')
      throw error
    } finally {
      client.release()
    }

    assert.is(await deadline(5_000, 'the invoice', sent), '7')
    assert.equal(mails, ['7'])

    await relay.close() // first: it publishes through the bus
    await bus.close()
    await pool.end()
  })
}

test.run()
