import {
  type Bus,
  BusbarError,
  createBus,
  type HealthProblem,
  type Runtime,
  silentLogger,
  systemRuntime,
} from '@busbar/core'
import { eventually } from '@busbar/testkit'
import { memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { slotOf } from '../dist/outbox/slots.js'
import { breakablePath } from './support/breakable-path.js'
import { testDatabase } from './support/database.js'
import { shop } from './support/shop.js'

const test = suite('outbox: what the health of its bus tells of a relay')
const database = await testDatabase()
const minute = 60_000

/** The clock of a relay, which the test can put forward. */
function clock(): { readonly runtime: Runtime; forward(ms: number): void } {
  let aheadMs = 0
  return {
    runtime: { ...systemRuntime, now: () => systemRuntime.now() + aheadMs },
    forward(ms) {
      aheadMs += ms
    },
  }
}

async function becomes(bus: Bus, status: 'green' | 'red'): Promise<readonly HealthProblem[]> {
  return eventually(async () => {
    const health = await bus.health()
    assert.is(health.status, status, JSON.stringify(health.problems))
    return health.problems
  })
}

if (database !== undefined) {
  const { pool, url } = database
  test.after(async () => database[Symbol.asyncDispose]())

  test('red while Postgres is away, with the reason, and green when it is back', async () => {
    await using orders = await shop(database)
    await using path = await breakablePath(url)
    const relay = orders.relay({ pool: database.newPool({ connectionString: path.url }), pollMs: 50 })
    await orders.placed('a', '1')
    await orders.arrived('1')
    await becomes(orders.bus, 'green')
    const brokenMs = Date.now()
    path.break()
    const [lost] = await becomes(orders.bus, 'red')
    assert.equal([lost?.kind, lost?.what], ['outbox', `relay of outbox "${orders.table}"`])
    // First the connection that it had is gone, then no other is to be had.
    await eventually(async () => {
      const [away] = (await orders.bus.health()).problems
      assert.match(away?.reason ?? '', /^Postgres failed: connecting a relay: .*ECONNREFUSED/)
      assert.is(away?.sinceMs, lost?.sinceMs)
    })
    assert.ok((lost?.sinceMs ?? 0) >= brokenMs)
    await orders.placed('a', '2')
    await path.mend()
    assert.equal(await becomes(orders.bus, 'green'), [])
    await orders.arrived('1', '2')
    await relay.close()
  })

  test('red while a topic fails, with its name and the reason, and green when it is through', async () => {
    await using orders = await shop(database)
    orders.fault = () => {
      throw new BusbarError('TOPIC_DENIED', 'not allowed')
    }
    orders.relay({ pollMs: 50 })
    await orders.placed('a', '1')
    const [first] = await becomes(orders.bus, 'red')
    assert.equal(
      [first?.kind, first?.what, first?.topic],
      ['outbox', `topic orders of outbox "${orders.table}"`, 'orders'],
    )
    await eventually(async () => {
      const [later] = (await orders.bus.health()).problems
      assert.match(later?.reason ?? '', /^publishing failed [2-9]\d* times: not allowed$/)
      assert.is(later?.sinceMs, first?.sinceMs)
    })
    orders.fault = () => {}
    await becomes(orders.bus, 'green')
    assert.equal(orders.log, ['1'])
  })

  test('green again when what failed was taken out of the table', async () => {
    await using orders = await shop(database)
    orders.fault = () => {
      throw new BusbarError('TOPIC_DENIED', 'not allowed')
    }
    const relay = orders.relay({ pollMs: 50 })
    await orders.placed('a', '1')
    await becomes(orders.bus, 'red')
    await pool.query(`delete from ${orders.table}`)
    await becomes(orders.bus, 'green')
    assert.equal(relay.status.failing, [])
  })

  test('red after the time when what is sent is not answered, as by a bus that nobody has started', async () => {
    await using orders = await shop(database)
    await using bus = createBus({ name: 'unstarted', transport: memoryTransport(), logger: silentLogger })
    const { runtime, forward } = clock()
    orders.relay({ bus, runtime, pollMs: 50, stalledAfterMs: minute })
    let sends = 0
    const send = bus.send.bind(bus)
    bus.send = records => {
      sends += 1
      return send(records)
    }
    await orders.placed('a', '1')
    await eventually(() => assert.is(sends, 1))
    assert.is((await bus.health()).status, 'green')
    forward(minute)
    const [problem] = await becomes(bus, 'red')
    assert.match(
      problem?.reason ?? '',
      /^1 record is being sent, and the broker has answered none for 6\d s$/,
    )
    assert.is((await orders.bus.health()).status, 'green', 'it is no problem of a bus that it does not use')
    await bus.start()
    await becomes(bus, 'green')
    await eventually(async () => assert.is(await orders.pending(), 0))
  })

  test('green while records of one key go out slowly, one by one', async () => {
    await using orders = await shop(database)
    const { runtime, forward } = clock()
    const client = await orders.begin()
    for (const text of ['1', '2', '3', '4']) await orders.place(client, 'a', text)
    await orders.end(client, 'commit')
    const seen: string[] = []
    orders.fault = async () => {
      forward(minute - 20_000)
      seen.push((await orders.bus.health()).status)
    }
    orders.relay({ runtime, stalledAfterMs: minute })
    await orders.arrived('1', '2', '3', '4')
    assert.equal(seen, ['green', 'green', 'green', 'green'])
    await eventually(async () => assert.is(await orders.pending(), 0))
    forward(2 * minute)
    assert.equal((await orders.bus.health()).problems, [], 'nothing is being sent any more')
  })

  test('red while an open transaction holds up what was committed after it, and not for what it wrote itself', async () => {
    await using orders = await shop(database)
    const { runtime, forward } = clock()
    orders.relay({ runtime, pollMs: 20, stalledAfterMs: minute })
    const elsewhere = ['b', 'c', 'd', 'e'].find(
      key => slotOf('orders', Buffer.from(key)) !== slotOf('orders', Buffer.from('a')),
    ) as string
    const open = await orders.begin()
    await orders.place(open, 'a', '1')
    // The relay has seen the transaction when it has relayed what came after it.
    await orders.placed(elsewhere, '2')
    await orders.arrived('2')
    forward(minute)
    try {
      for (const text of ['3', '4']) {
        await orders.placed(elsewhere, text)
        await eventually(() => assert.ok(orders.log.includes(text)))
      }
      assert.equal((await orders.bus.health()).problems, [])
      await orders.placed('a', '5')
      const [problem] = await becomes(orders.bus, 'red')
      assert.match(
        problem?.reason ?? '',
        /^records wait for a transaction that wrote to the outbox before them and has been open for 6\d s/,
      )
    } finally {
      await orders.end(open, 'commit')
    }
    await becomes(orders.bus, 'green')
    await orders.arrived('2', '3', '4', '1', '5')
  })

  test('red after the time when its pool has no connection for it', async () => {
    await using orders = await shop(database)
    const { runtime, forward } = clock()
    const own = database.newPool({ max: 1 })
    const taken = await own.connect()
    orders.relay({ pool: own, runtime, stalledAfterMs: minute })
    try {
      assert.equal((await orders.bus.health()).problems, [])
      forward(minute)
      const [problem] = await becomes(orders.bus, 'red')
      assert.match(problem?.reason ?? '', /^no connection to Postgres was to be had for 6\d s/)
    } finally {
      taken.release()
    }
    await becomes(orders.bus, 'green')
  })

  test('a relay that is closed is no problem; one that stopped with its bus is', async () => {
    await using orders = await shop(database)
    const bus = createBus({ name: 'gone', transport: memoryTransport(), logger: silentLogger })
    await bus.start()
    const nowhere = database.newPool({ connectionString: 'postgres://postgres@127.0.0.1:1/postgres' })
    const failing = orders.relay({ bus, pool: nowhere })
    await becomes(bus, 'red')
    await failing.close()
    await becomes(bus, 'green')
    const relay = orders.relay({ bus })
    await bus.close()
    await orders.placed('a', '1')
    await eventually(async () => {
      const { problems } = await bus.health()
      assert.ok(problems.some(({ reason }) => /^it has stopped, because its bus was closed$/.test(reason)))
    })
    await relay.close()
    assert.equal((await bus.health()).problems, [])
  })

  test('a limit that is none is refused, and leaves nothing behind', async () => {
    await using orders = await shop(database)
    assert.throws(() => orders.relay({ stalledAfterMs: 0 }), /stalledAfterMs/)
    assert.equal((await orders.bus.health()).problems, [])
  })
}

test.run()
