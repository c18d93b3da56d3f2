import { createBus, defineEvent, type EventContext, idempotent, silentLogger } from '@busbar/core'
import { postgresClient, postgresStore, transactional } from '@busbar/store-postgres'
import { deadline, eventually, uniqueName } from '@busbar/testkit'
import { memoryTransport } from '@busbar/transport-memory'
import type { Pool, PoolClient } from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testDatabase } from './support/database.js'
import { OrderPaid, type OrderService, orderService } from './support/order-service.js'
import { runProgram } from './support/run-program.js'

const test = suite('transactional')
const database = await testDatabase()

if (database !== undefined) {
  const { pool, idempotency: table, url } = database
  const effects = uniqueName('effects').replace('-', '_')
  const runs = uniqueName('runs').replace('-', '_')

  test.before(async () => {
    await pool.query(
      `create table ${effects} (order_id text not null); create table ${runs} (order_id text not null)`,
    )
  })
  test.before.each(async () => {
    await pool.query(`truncate ${effects}, ${runs}, ${table}`)
  })
  test.after(async () => database[Symbol.asyncDispose]())

  const count = async (from: string, order?: string): Promise<number> => {
    const where = order === undefined ? '' : `where order_id = '${order}'`
    return (
      (await pool.query<{ n: number }>(`select count(*)::int as n from ${from} ${where}`)).rows[0]?.n ?? -1
    )
  }
  const marks = (): Promise<number> => count(table)
  const insert = (client: Pick<PoolClient, 'query'>, order: string) =>
    client.query(`insert into ${effects} values ($1)`, [order])
  const service = (
    handle: (client: PoolClient, order: string, context: EventContext) => unknown,
    more: { pool?: Pool } = {},
  ) => orderService({ pool, table, handle, ...more })

  test('effect and mark commit together, and a duplicate is skipped', async () => {
    await using orders = await service(insert)
    assert.is((await orders.deliver('a')).outcome, 'done')
    assert.is((await orders.deliver('a')).outcome, 'skipped')
    assert.is((await orders.deliver('b')).outcome, 'done')
    assert.is(await count(effects, 'a'), 1)
    assert.is(await marks(), 2)
  })

  test('a handler that throws leaves neither, and is tried again', async () => {
    await using orders = await service(async (client, order, { attempt }) => {
      await insert(client, order)
      if (attempt < 3) throw new Error('not yet')
    })
    const report = await orders.deliver('a')
    assert.is(report.outcome, 'done')
    assert.is(report.attempt, 3)
    assert.is(await count(effects), 1)
    assert.is(await marks(), 1)
  })

  test('a failed query that the handler swallows is no success', async () => {
    await using orders = await service(async (client, order, { attempt }) => {
      await insert(client, order)
      if (attempt === 1) await client.query('select * from not_there').catch(() => {})
    })
    const report = await orders.deliver('a')
    assert.is(report.attempt, 2)
    assert.is(await count(effects), 1)
    assert.is(await marks(), 1)
  })

  test('a connection that dies in the handler leaves neither', async () => {
    let died = false
    await using orders = await service(async (client, order, { attempt }) => {
      await insert(client, order)
      if (attempt > 1) return
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
      await pool.query('select pg_terminate_backend($1)', [rows[0]?.pid])
      await client.query('select 1').catch(() => {
        died = true
      })
    })
    const report = await orders.deliver('a')
    assert.ok(died)
    assert.is(report.outcome, 'done')
    assert.is(report.attempt, 2)
    assert.is(await count(effects), 1)
  })

  test('a handler that waits for something else is told when its connection dies', async () => {
    let told = false
    await using orders = await service(async (client, order, { attempt, signal }) => {
      await insert(client, order)
      if (attempt > 1) return
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
      const aborted = new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
      await pool.query('select pg_terminate_backend($1)', [rows[0]?.pid])
      await deadline(2_000, 'the signal', aborted)
      told = true
    })
    const report = await orders.deliver('a')
    assert.ok(told)
    assert.is(report.outcome, 'done')
    assert.is(report.attempt, 2)
    assert.is(await count(effects), 1)
  })

  test('a commit whose answer is lost has one effect', async () => {
    await using orders = await service(async (client, order, { attempt }) => {
      await insert(client, order)
      if (attempt > 1) return
      const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
      const lossy = async (...args: unknown[]) => {
        const answer = await query(...args)
        if (args[0] !== 'commit') return answer
        Object.assign(client, { query })
        throw new Error('the answer was lost')
      }
      Object.assign(client, { query: lossy })
    })
    const report = await orders.deliver('a')
    assert.is(report.outcome, 'skipped')
    assert.is(await count(effects), 1)
    assert.is(await marks(), 1)
  })

  test('a duplicate waits while the first runs, holding no connection, and never runs beside it', async () => {
    const narrow = database.newPool({ max: 2 })
    let running = 0
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const handle = async (client: PoolClient, order: string) => {
      running++
      await held
      await insert(client, order)
    }
    await using first = await service(handle, { pool: narrow })
    await using second = await service(handle, { pool: narrow })
    const both = [first.deliver('a'), second.deliver('a')]
    await eventually(() => assert.is(running, 1))
    // One connection is the handler's; the other is taken for a moment only, again and again.
    let taken = 0
    for (let i = 0; i < 40; i++) {
      await new Promise(resolve => setTimeout(resolve, 10))
      if (narrow.totalCount - narrow.idleCount > 1) taken++
    }
    assert.ok(taken < 20, `a second connection was in use in ${taken} of 40 moments`)
    assert.is(running, 1)
    release()
    const outcomes = (await Promise.all(both)).map(({ outcome }) => outcome)
    assert.equal(outcomes.sort(), ['done', 'skipped'])
    assert.is(running, 1)
    assert.is(await count(effects), 1)
  })

  test('a duplicate that waited runs if the first fails', async () => {
    await using first = await service(async () => {
      await new Promise(resolve => setTimeout(resolve, 100))
      throw Object.assign(new Error('for good'), { retryable: false })
    })
    const failing = first.deliver('a')
    await using second = await service(insert)
    assert.is((await deadline(5_000, 'the second', second.deliver('a'))).outcome, 'done')
    await failing
    assert.is(await count(effects), 1)
  })

  test('marks expire, and other subscriptions and groups have their own', async () => {
    const Event = defineEvent<{ n: number }>('shared')
    const bus = createBus({ name: 'shared', transport: memoryTransport(), logger: silentLogger })
    const use = [transactional(pool, { table, ttlMs: 60_000 })]
    for (const [group, name] of [
      ['one', 'x'],
      ['one', 'y'],
      ['two', 'x'],
    ] as const) {
      bus.subscribe(Event, { group, name, use }, (_, context) =>
        insert(context.values.get(postgresClient), `${group}.${name}`),
      )
    }
    let deliveries = 0
    bus.onDelivery(() => deliveries++)
    await bus.start()
    await bus.publish(Event, { n: 1 }, { id: '1' })
    await bus.publish(Event, { n: 1 }, { id: '1' })
    await eventually(() => assert.is(deliveries, 6))
    assert.is(await count(effects), 3)
    const { rows } = await pool.query(
      `update ${table} set expires_at = expires_at - interval '60 s' where expires_at > clock_timestamp()
       returning expires_at between clock_timestamp() - interval '30 s' and clock_timestamp() as fits`,
    )
    assert.equal(rows, Array(3).fill({ fits: true }))
    await bus.publish(Event, { n: 1 }, { id: '1' })
    await eventually(async () => assert.is(await count(effects), 6))
    await bus.close()
  })

  test('its marks are those of idempotent(postgresStore(pool))', async () => {
    await using orders = await service(insert)
    await orders.deliver('a')
    const bus = createBus({ name: 'billing', transport: memoryTransport(), logger: silentLogger })
    const skipped = new Promise<string>(resolve => void bus.onDelivery(({ outcome }) => resolve(outcome)))
    bus.subscribe(OrderPaid, { use: [idempotent(postgresStore(pool, { table }))] }, order =>
      insert(pool as never, order.order),
    )
    await bus.start()
    await bus.publish(OrderPaid, { order: 'a' }, { id: 'a' })
    assert.is(await deadline(2_000, 'the delivery', skipped), 'skipped')
    await bus.close()
  })

  for (const isolation of ['repeatable read', 'serializable'] as const) {
    test(`works under ${isolation}: many duplicates at once, one effect each`, async () => {
      const services = await Promise.all(
        [1, 2].map(() => orderService({ pool, table, handle: insert, transactional: { isolation } })),
      )
      await Promise.all(
        Array.from({ length: 40 }, (_, i) => (services[i % 2] as OrderService).deliver(`order ${i >> 2}`)),
      )
      assert.is(await count(effects), 10)
      await Promise.all(services.map(each => each[Symbol.asyncDispose]()))
    })
  }

  test('refuses what it is not for', async () => {
    assert.throws(() => transactional(pool, { isolation: 'none' as never }), /isolation/)
    assert.throws(() => transactional(pool, { ttlMs: 0 }), /ttlMs/)
    const Event = defineEvent<object>('refused')
    const bus = createBus({ name: 'refused', transport: memoryTransport(), logger: silentLogger })
    const errors: string[] = []
    bus.onDelivery(({ error }) => void errors.push(String((error as Error | undefined)?.message)))
    const use = [transactional(pool, { table })]
    bus.subscribe(Event, { group: false, use }, () => {})
    bus.subscribeBatch(Event, { group: 'batch', onFailure: 'hand-back', use }, () => {})
    bus.subscribe(Event, { group: 'without', onFailure: 'hand-back' }, (_, context) =>
      context.values.get(postgresClient).query('select 1'),
    )
    await bus.start()
    await bus.publish(Event, {})
    await eventually(() => {
      for (const why of [/needs a group/, /not for batches/, /add transactional/])
        assert.ok(
          errors.some(each => why.test(each)),
          `${why}: ${errors.join()}`,
        )
    })
    await bus.close()
  })

  const points = [
    'before the handler',
    'in the handler',
    'after the effect',
    'before the commit',
    'while it commits',
    'after the commit',
  ]
  for (const point of points) {
    test(`one effect where the process is killed ${point}`, async () => {
      const died = await deadline(
        10_000,
        'its death',
        runProgram('dying-service', url, table, effects, point),
      )
      assert.is(died.signal, 'SIGKILL')
      const committed = point === 'after the commit' ? [1] : point === 'while it commits' ? [0, 1] : [0]
      await eventually(async () => {
        assert.ok(committed.includes(await count(effects)))
        assert.is(await marks(), await count(effects))
      })
      await using orders = await service(insert)
      await deadline(5_000, 'the next delivery', orders.deliver('the order'))
      assert.is(await count(effects), 1)
      assert.is(await marks(), 1)
    })
  }

  test('two processes that get the same 300 events: each handler runs once', async () => {
    const args = [url, table, effects, runs, '300'] as const
    const ended = await Promise.all([1, 2].map(() => runProgram('duplicate-service', ...args)))
    const outcomes = ended.flatMap(({ output }) => (JSON.parse(output) as { outcomes: string[] }).outcomes)
    assert.is(outcomes.filter(each => each === 'done').length, 300)
    assert.is(outcomes.filter(each => each === 'skipped').length, 300)
    assert.is(await count(runs), 300)
    const { rows } = await pool.query<{ n: number }>(
      `select count(distinct order_id)::int as n from ${effects}`,
    )
    assert.is(rows[0]?.n, 300)
    assert.is(await count(effects), 300)
  })
}

test.run()
