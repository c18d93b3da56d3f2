import { setTimeout as sleep } from 'node:timers/promises'
import { createBus, silentLogger } from '@busbar/core'
import { createOutbox } from '@busbar/store-postgres'
import { eventually, uniqueName } from '@busbar/testkit'
import { memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { slotOf } from '../dist/outbox/slots.js'
import { testDatabase } from './support/database.js'
import { Placed, shop } from './support/shop.js'

const test = suite('outbox: what is relayed when')
const database = await testDatabase()

if (database !== undefined) {
  const { pool } = database
  test.after(async () => database[Symbol.asyncDispose]())

  /** A moment in which a relay that is wrong would have done it. */
  const aWhile = () => sleep(250)

  test('what is committed arrives at once, without polling; what is rolled back never does', async () => {
    await using orders = await shop(database)
    const relay = orders.relay({ pollMs: 60_000 })
    await eventually(() => assert.is(relay.status.slots, 32))
    await aWhile()
    const start = performance.now()
    await orders.placed('a', '1')
    await orders.arrived('1')
    assert.ok(performance.now() - start < 2_000, `${performance.now() - start} ms`)
    const client = await orders.begin()
    await orders.place(client, 'a', 'never')
    await orders.end(client, 'rollback')
    await orders.placed('a', '2')
    await orders.arrived('1', '2')
    await eventually(async () => assert.is(await orders.pending(), 0))
  })

  test('an id drawn early and committed late is neither skipped nor overtaken by its key’s next', async () => {
    await using orders = await shop(database)
    orders.relay()
    const early = await orders.begin()
    await orders.place(early, 'a', 'early')
    await orders.placed('a', 'late')
    await aWhile()
    await orders.arrived()
    await orders.end(early, 'commit')
    await orders.arrived('early', 'late')
  })

  test('nor is it by a transaction that began before it', async () => {
    await using orders = await shop(database)
    orders.relay()
    const older = await orders.begin()
    await older.query('select pg_current_xact_id()')
    const early = await orders.begin()
    await orders.place(early, 'a', 'early')
    await orders.place(older, 'a', 'late')
    await orders.end(older, 'commit')
    await aWhile()
    await orders.arrived()
    await orders.end(early, 'commit')
    await orders.arrived('early', 'late')
  })

  test('an early id that is rolled back holds its key up no longer than that', async () => {
    await using orders = await shop(database)
    orders.relay({ pollMs: 60_000 })
    const early = await orders.begin()
    await orders.place(early, 'a', 'early')
    await orders.placed('a', 'late')
    await aWhile()
    await orders.arrived()
    const start = performance.now()
    await orders.end(early, 'rollback')
    await orders.arrived('late')
    assert.ok(performance.now() - start < 3_000)
  })

  test('what commits behind an early id that is rolled back needs no other commit to be noticed', async () => {
    await using orders = await shop(database)
    const early = await orders.begin()
    await orders.place(early, 'a', 'early')
    const relay = orders.relay({ pollMs: 60_000 })
    await eventually(() => assert.is(relay.status.slots, 32))
    await aWhile()
    await orders.placed('a', 'late')
    await aWhile()
    await orders.end(early, 'rollback')
    await orders.arrived('late')
  })

  test('an early id whose savepoint is rolled back holds nothing up', async () => {
    await using orders = await shop(database)
    orders.relay()
    const client = await orders.begin()
    await client.query('savepoint s')
    await orders.place(client, 'a', 'never')
    await client.query('rollback to s')
    await orders.placed('a', '1')
    await orders.arrived('1')
    await orders.end(client, 'commit')
  })

  test('of two transactions that follow each other on a key, the first goes first, whichever began earlier', async () => {
    await using orders = await shop(database)
    const older = await orders.begin()
    await older.query('select pg_current_xact_id()')
    await orders.placed('a', 'first')
    await orders.place(older, 'a', 'second')
    await orders.end(older, 'commit')
    orders.relay()
    await orders.arrived('first', 'second')
  })

  test('transactions that write nothing to the outbox hold nothing up, however long they take', async () => {
    await using orders = await shop(database)
    orders.relay()
    const other = uniqueName('other').replace('-', '_')
    await pool.query(`create table ${other} (n int)`)
    const long = await orders.begin()
    await long.query(`insert into ${other} values (1)`)
    await orders.placed('a', '1')
    await orders.arrived('1')
    await orders.end(long, 'commit')
  })

  test('nor do those that write to other slots', async () => {
    await using orders = await shop(database)
    orders.relay()
    const keys = Array.from({ length: 100 }, (_, n) => `key ${n}`)
    const slot = (key: string) => slotOf('orders', Buffer.from(key))
    const first = keys[0] as string
    const other = keys.find(key => slot(key) !== slot(first)) as string
    const same = keys.find(key => key !== first && slot(key) === slot(first)) as string
    const long = await orders.begin()
    await orders.place(long, first, 'long')
    await orders.placed(same, 'same slot')
    await orders.placed(other, 'other slot')
    await orders.arrived('other slot')
    await aWhile()
    await orders.arrived('other slot')
    await orders.end(long, 'commit')
    await orders.arrived('other slot', 'long', 'same slot')
  })

  test('a writer has its lock before it has its id', async () => {
    await using orders = await shop(database)
    const blocker = await orders.begin()
    await blocker.query(`select pg_advisory_xact_lock('${orders.table}'::regclass::oid::int, $1)`, [
      slotOf('orders', Buffer.from('a')),
    ])
    const writing = orders.placed('a', '1')
    await eventually(async () => {
      const { rows } = await pool.query(`select from pg_locks where locktype = 'advisory' and not granted`)
      assert.is(rows.length, 1)
    })
    const sequence = await pool.query(`select from ${orders.table}_id_seq where is_called`)
    assert.is(sequence.rowCount, 0)
    await orders.end(blocker, 'commit')
    await writing
  })

  test('writers of one key do not wait for each other', async () => {
    await using orders = await shop(database)
    orders.relay()
    const clients = await Promise.all([1, 2, 3].map(() => orders.begin()))
    for (const [index, client] of clients.entries()) await orders.place(client, 'a', String(index))
    for (const client of clients.toReversed()) await orders.end(client, 'commit')
    await orders.arrived('0', '1', '2')
  })

  test('a slot in which there is always somebody writing is relayed all the same', async () => {
    await using orders = await shop(database)
    orders.relay()
    let open = await orders.begin()
    await orders.place(open, 'a', '0')
    let number = 0
    const end = Date.now() + 10_000
    while (orders.log.length === 0 && Date.now() < end) {
      const next = await orders.begin()
      await orders.place(next, 'a', String(++number))
      await sleep(5)
      await orders.end(open, 'commit')
      open = next
    }
    assert.ok(orders.log.length > 0, 'nothing was relayed while somebody was writing')
    await orders.end(open, 'commit')
    await orders.arrived(...Array.from({ length: number + 1 }, (_, n) => String(n)))
  })

  test('a prepared transaction holds its slot up, too', async () => {
    const { rows } = await pool.query<{ n: string }>(
      `select current_setting('max_prepared_transactions') as n`,
    )
    if (rows[0]?.n === '0') return
    await using orders = await shop(database)
    orders.relay()
    // Postgres prepares no transaction that notifies.
    const bus = createBus({ name: 'prepared', transport: memoryTransport(), logger: silentLogger })
    const outbox = createOutbox({ bus, table: orders.table, notify: false })
    const client = await orders.begin()
    await outbox.publish(client, Placed, { order: 'a', text: '1' })
    await client.query(`prepare transaction '${orders.table}'`)
    client.release()
    await orders.placed('a', '2')
    await aWhile()
    await orders.arrived()
    await pool.query(`commit prepared '${orders.table}'`)
    await bus.close()
    await orders.arrived('1', '2')
  })
}

test.run()
