import { setTimeout as sleep } from 'node:timers/promises'
import {
  BusbarError,
  createBus,
  defineEvent,
  type Logger,
  type OutboundRecord,
  silentLogger,
} from '@busbar/core'
import { createOutbox } from '@busbar/store-postgres'
import { deadline, eventually } from '@busbar/testkit'
import { memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testDatabase } from './support/database.js'
import { Placed, refusing, shop } from './support/shop.js'

const test = suite('outbox: relays')
const database = await testDatabase()

if (database !== undefined) {
  const { pool } = database
  test.after(async () => database[Symbol.asyncDispose]())

  const numbers = (count: number) => Array.from({ length: count }, (_, n) => String(n))

  test('an event arrives as it was published: id, key, headers, time, and what the publish middleware added', async () => {
    await using orders = await shop(database)
    const transport = memoryTransport()
    const bus = createBus({ name: 'shop', transport, logger: silentLogger })
    bus.use({
      name: 'bytes',
      publish: (context, next) => {
        context.headers['raw'] = new Uint8Array([0, 255, 128])
        return next()
      },
    })
    const Event = defineEvent<{ text: string }>('any', { topic: { name: 'any', partitions: 3 } })
    const got: unknown[] = []
    bus.subscribe(Event, (payload, { id, key, headers, timestampMs }) => {
      got.push([
        payload.text,
        id,
        key,
        headers.get('odd'),
        [...(headers.bytes('raw') ?? [])],
        timestampMs > Date.now() - 60_000,
      ])
    })
    await bus.start()
    const outbox = createOutbox({ bus, table: orders.table })
    const client = await orders.begin()
    const odd = 'nul \0, quote ", slash \\, 🔑'
    const receipt = await outbox.publish(
      client,
      Event,
      { text: odd },
      { id: 'the id', key: 'k\0', headers: { odd } },
    )
    const unkeyed = await outbox.publish(client, Event, { text: 'no key' })
    await orders.end(client, 'commit')
    assert.is(receipt.id, 'the id')
    await using _relay = outbox.relay({ pool, logger: silentLogger })
    await eventually(() => assert.is(got.length, 2))
    got.sort((a, b) => ((a as [string])[0] < (b as [string])[0] ? 1 : -1))
    assert.equal(got, [
      [odd, 'the id', 'k\0', odd, [0, 255, 128], true],
      ['no key', unkeyed.id, null, undefined, [0, 255, 128], true],
    ])
    await _relay.close()
    await bus.close()
  })

  test('what the user cannot publish is refused within the transaction', async () => {
    await using orders = await shop(database)
    const toPool = await orders.outbox
      .publish(pool, Placed, { order: 'a' })
      .catch((error: unknown) => error as BusbarError)
    assert.is((toPool as BusbarError).code, 'CONFIG_INVALID')
    const client = await orders.begin()
    const wrong = await orders.outbox
      .publish(client, {} as never, {})
      .catch((error: unknown) => error as BusbarError)
    assert.is((wrong as BusbarError).code, 'EVENT_UNKNOWN')
    await orders.place(client, 'a', 'fine')
    await orders.end(client, 'commit')
    assert.throws(() => orders.relay({ batchSize: 0 }), /batchSize/)
  })

  test('while the broker is away everything waits, and nothing is lost or reordered', async () => {
    await using orders = await shop(database)
    let away = true
    let tries = 0
    orders.fault = () => {
      tries++
      if (away) throw new BusbarError('PUBLISH_FAILED', 'nobody there')
    }
    const relay = orders.relay()
    for (const text of numbers(20)) await orders.placed('a', text)
    await eventually(() => assert.ok((relay.status.failing[0]?.failures ?? 0) >= 3))
    assert.is(relay.status.failing[0]?.topic, 'orders')
    const before = tries
    await sleep(300)
    assert.ok(tries - before <= 12, `${tries - before} tries in 300 ms at a delay of 50 ms`)
    assert.is(await orders.pending(), 20)
    away = false
    await orders.arrived(...numbers(20))
    await eventually(() => assert.equal(relay.status.failing, []))
    assert.is(relay.status.published, 20)
  })

  test('a record that fails for now is not overtaken by its key’s next', async () => {
    await using orders = await shop(database)
    let failing = true
    const error = new BusbarError('PUBLISH_FAILED', 'not now')
    const refuse = refusing(orders.log, text => failing && text === 'a1', error)
    orders.fault = refuse
    for (const text of ['a1', 'a2', 'b1', 'b2']) await orders.placed(text[0] as string, text)
    const relay = orders.relay()
    await eventually(() => assert.ok(relay.status.failing.length > 0))
    await sleep(200)
    assert.not.ok(orders.log.includes('a2'))
    failing = false
    await eventually(() => assert.is(orders.log.length, 4))
    assert.ok(orders.log.indexOf('a1') < orders.log.indexOf('a2'))
  })

  test('a topic that fails holds up no other topic', async () => {
    await using orders = await shop(database)
    const Other = defineEvent<{ text: string }>('other')
    orders.fault = ([record]) => {
      if (record?.topic === 'orders') throw new BusbarError('TOPIC_DENIED', 'not allowed')
    }
    const client = await orders.begin()
    for (const text of numbers(1_200)) await orders.place(client, text, text)
    await orders.outbox.publish(client, Other, { text: 'other' })
    await orders.end(client, 'commit')
    orders.relay({ batchSize: 100 })
    await orders.arrived('other')
    orders.fault = () => {}
    await eventually(() => assert.is(orders.log.length, 1_201))
  })

  test('a record that no broker will ever accept is set aside with its reason, and its key goes on', async () => {
    await using orders = await shop(database)
    const error = new BusbarError('RECORD_TOO_LARGE', 'too large')
    orders.fault = refusing(orders.log, text => text === 'a2', error)
    for (const text of ['a1', 'a2', 'a3']) await orders.placed('a', text)
    const errors: string[] = []
    const logger: Logger = {
      ...silentLogger,
      error: (...args: unknown[]) => void errors.push(String(args[1])),
    }
    const relay = orders.relay({ logger })
    await orders.arrived('a1', 'a3')
    await eventually(() => assert.is(relay.status.refused, 1))
    assert.match(errors.join(), /refused for good: too large/)
    const { rows } = await pool.query<{ refused: string }>(`select refused from ${orders.table}`)
    assert.equal(rows, [{ refused: 'RECORD_TOO_LARGE: too large' }])
  })

  test('two relays share the slots; one that closes leaves them to the other', async () => {
    await using orders = await shop(database)
    const [one, two] = [orders.relay({ pollMs: 50 }), orders.relay({ pollMs: 50 })]
    await eventually(() => assert.equal([one.status.slots, two.status.slots], [16, 16]))
    const third = orders.relay({ pollMs: 50 })
    await eventually(() => {
      const shares = [one, two, third].map(({ status }) => status.slots)
      assert.is(
        shares.reduce((sum, slots) => sum + slots),
        32,
      )
      assert.ok(
        shares.every(slots => slots >= 10 && slots <= 11),
        String(shares),
      )
    })
    const client = await orders.begin()
    // So many keys that no ten slots have few of them.
    const keys = 200
    for (const text of numbers(3 * keys)) await orders.place(client, String(Number(text) % keys), text)
    await orders.end(client, 'commit')
    await eventually(() => assert.is(orders.log.length, 3 * keys))
    // A relay counts a batch once it is marked, a little after it is sent.
    await eventually(() => {
      const published = [one, two, third].map(({ status }) => status.published)
      assert.ok(
        published.every(count => count > 30),
        String(published),
      )
    })
    await Promise.all([one.close(), third.close()])
    await eventually(() => assert.is(two.status.slots, 32))
    for (let key = 0; key < keys; key++) {
      const ofKey = orders.log.filter(text => Number(text) % keys === key).map(Number)
      assert.equal(
        ofKey,
        ofKey.toSorted((a, b) => a - b),
      )
    }
  })

  test('survives the death of its connections, at any time', async () => {
    await using orders = await shop(database)
    const own = database.newPool({ application_name: orders.table })
    const relay = orders.relay({ pool: own, batchSize: 20 })
    let killing = true
    const killer = (async () => {
      let kills = 0
      for (; killing; kills++) {
        await pool.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1`,
          [orders.table],
        )
        await sleep(30)
      }
      return kills
    })()
    for (const text of numbers(300)) await orders.placed('a', text)
    killing = false
    assert.ok((await killer) > 3)
    await eventually(async () => assert.is(await orders.pending(), 0))
    assert.equal([...new Set(orders.log)], numbers(300))
    assert.ok(relay.status.connected)
  })

  test('waits for a Postgres that is not there yet, and closes without one', async () => {
    await using orders = await shop(database)
    const nowhere = database.newPool({ connectionString: 'postgres://postgres@127.0.0.1:1/postgres' })
    const relay = orders.relay({ pool: nowhere })
    await sleep(100)
    assert.not.ok(relay.status.connected)
    await deadline(2_000, 'the close', relay.close())
  })

  test('close lets what is being sent finish, and leaves no lock behind', async () => {
    await using orders = await shop(database)
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    let sending = false
    orders.fault = () => {
      sending = true
      return held
    }
    const relay = orders.relay()
    await orders.placed('a', '1')
    await eventually(() => assert.ok(sending))
    const closing = relay.close()
    await sleep(50)
    release()
    await closing
    assert.equal(orders.log, ['1'])
    assert.is(await orders.pending(), 0)
    await eventually(async () => {
      const { rowCount } = await pool.query(
        `select from pg_locks where locktype = 'advisory' and classid = '${orders.table}'::regclass::oid`,
      )
      assert.is(rowCount, 0)
    })
  })

  test('close gives up on a send that takes too long, and its records are sent again', async () => {
    await using orders = await shop(database)
    let release = () => {}
    let isFirst = true
    orders.fault = () => {
      if (!isFirst) return undefined
      isFirst = false
      return new Promise<void>(resolve => {
        release = resolve
      })
    }
    const relay = orders.relay()
    await orders.placed('a', '1')
    await eventually(() => assert.not.ok(isFirst))
    await deadline(2_000, 'the close', relay.close({ timeoutMs: 50 }))
    release()
    orders.relay({ pollMs: 50 })
    await eventually(() => assert.ok(orders.log.length >= 1))
    await eventually(async () => assert.is(await orders.pending(), 0))
    assert.equal([...new Set(orders.log)], ['1'])
  })

  test('stops when its bus is closed, and keeps what is left', async () => {
    await using orders = await shop(database)
    const bus = createBus({ name: 'gone', transport: memoryTransport(), logger: silentLogger })
    await bus.start()
    await bus.close()
    const relay = orders.relay({ bus })
    await orders.placed('a', '1')
    await eventually(() => assert.not.ok(relay.status.connected), { timeoutMs: 5_000 })
    await relay.close()
    assert.is(await orders.pending(), 1)
  })

  test('without notifications it polls', async () => {
    await using orders = await shop(database)
    const bus = createBus({ name: 'quiet', transport: memoryTransport(), logger: silentLogger })
    const quiet = createOutbox({ bus, table: orders.table, notify: false })
    const relay = orders.relay({ pollMs: 150 })
    await eventually(() => assert.is(relay.status.slots, 32))
    const client = await orders.begin()
    await quiet.publish(client, Placed, { order: 'a', text: '1' })
    await orders.end(client, 'commit')
    await orders.arrived('1')
    await bus.close()
  })

  test('an idle relay asks Postgres seldom', async () => {
    await using orders = await shop(database)
    const own = database.newPool()
    let queries = 0
    own.on('connect', client => {
      const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
      const counted = (...args: unknown[]) => {
        queries++
        return query(...args)
      }
      Object.assign(client, { query: counted })
    })
    const relay = orders.relay({ pool: own, pollMs: 200 })
    await eventually(() => assert.is(relay.status.slots, 32))
    const before = queries
    await sleep(1_000)
    assert.ok(
      queries - before > 2 && queries - before < 20,
      `${queries - before} queries in a second, polling five times`,
    )
  })

  test('batches are bounded', async () => {
    await using orders = await shop(database)
    const sizes: number[] = []
    orders.fault = (records: readonly OutboundRecord[]) => void sizes.push(records.length)
    const client = await orders.begin()
    for (const text of numbers(1_000)) await orders.place(client, text, text)
    await orders.end(client, 'commit')
    orders.relay({ batchSize: 64 })
    await eventually(() => assert.is(orders.log.length, 1_000))
    assert.ok(Math.max(...sizes) <= 64, String(Math.max(...sizes)))
  })
}

test.run()
