import type { BusbarError } from '@busbar/core'
import { idempotencyStoreCases } from '@busbar/core/conformance'
import { migrate, migrationSql, type PostgresStore, postgresStore } from '@busbar/store-postgres'
import { eventually, uniqueName } from '@busbar/testkit'
import { Pool } from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testDatabase } from './support/database.js'

const test = suite('postgresStore')
const database = await testDatabase()

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: BusbarError) => error.code,
  )

if (database !== undefined) {
  const { pool, idempotency: table } = database
  test.after(async () => database[Symbol.asyncDispose]())

  async function mark(store: PostgresStore, key: string, ttlMs: number): Promise<void> {
    const claim = await store.claim(key, 10_000)
    if (claim.kind === 'claimed') await store.complete(key, claim.token, { ttlMs })
  }

  for (const { name, run } of idempotencyStoreCases) {
    test(name, () => run({ store: () => postgresStore(pool, { table }) }))
  }

  test('holds where transactions are serializable by default', async () => {
    const strict = database.newPool({ options: '-c default_transaction_isolation=serializable' })
    const race = idempotencyStoreCases.find(({ name }) => name.startsWith('of 200 concurrent'))
    assert.ok(race)
    await race?.run({ store: () => postgresStore(strict, { table }) })
  })

  test('can be migrated by many at once, and again', async () => {
    const name = uniqueName('many').replace('-', '_')
    const options = { idempotency: `${name}_marks`, outbox: `${name}_outbox` }
    await Promise.all(Array.from({ length: 15 }, () => migrate(pool, options)))
    await migrate(pool, options)
    await pool.query(`create schema ${name}`)
    await migrate(pool, { idempotency: `${name}.marks`, outbox: false })
    await mark(postgresStore(pool, { table: `${name}.marks` }), 'k', 1_000)
    assert.is(migrationSql({ outbox: false }).length, 2)
  })

  test('says that the table is missing', async () => {
    const claiming = postgresStore(pool, { table: 'not_there' }).claim('k', 1_000)
    assert.match((await claiming.catch((error: Error) => error.message)) as string, /call migrate/)
  })

  test('refuses names and times that are none', async () => {
    for (const name of ['', 'a.b.c', 'a"b', 'a b', 'x'.repeat(51), '1a']) {
      assert.throws(() => postgresStore(pool, { table: name }), /must be a table/)
      assert.is(await codeOf(migrate(pool, { outbox: name })), 'CONFIG_INVALID')
    }
    const store = postgresStore(pool, { table })
    for (const ms of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.is(await codeOf(store.claim('k', ms)), 'CONFIG_INVALID')
    }
  })

  test('removes what has expired, a thousand rows at a time, and nothing else', async () => {
    const own = uniqueName('clean').replace('-', '_')
    await migrate(pool, { idempotency: own, outbox: false })
    const store = postgresStore(pool, { table: own })
    await mark(store, 'live', 60_000)
    await pool.query(
      `insert into ${own} (id, key, expires_at) select sha256(n::text::bytea), n, now() - interval '1 second' from generate_series(1, 2500) n`,
    )
    assert.equal(
      [await store.clean(), await store.clean(), await store.clean(), await store.clean()],
      [1_000, 1_000, 500, 0],
    )
    assert.is((await store.claim('live', 1_000)).kind, 'completed')
  })

  test('removes it in passing of claims, too', async () => {
    const own = uniqueName('passing').replace('-', '_')
    await migrate(pool, { idempotency: own, outbox: false })
    await pool.query(
      `insert into ${own} (id, key, expires_at) select sha256(n::text::bytea), n, now() - interval '1 second' from generate_series(1, 2500) n`,
    )
    const store = postgresStore(pool, { table: own, cleanEveryMs: 1 })
    await eventually(async () => {
      await store.claim(uniqueName('key'), 60_000)
      const { rows } = await pool.query<{ n: number }>(
        `select count(*)::int as n from ${own} where expires_at < now()`,
      )
      assert.is(rows[0]?.n, 0)
    })
  })

  test('fails retryably where nobody listens', async () => {
    const nowhere = new Pool({ connectionString: 'postgres://postgres@127.0.0.1:1/postgres' })
    const error = await postgresStore(nowhere)
      .claim('k', 1_000)
      .catch((thrown: unknown) => thrown as BusbarError)
    assert.is((error as BusbarError).code, 'CONNECTION_FAILED')
    assert.ok((error as BusbarError).retryable)
    await nowhere.end()
  })
}

test.run()
