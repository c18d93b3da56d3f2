// How fast one relay empties an outbox, and how soon a commit arrives: node packages/store-postgres/dist-test/programs/outbox-speed.js
import { createBus, silentLogger } from '@busbar/core'
import { createOutbox } from '@busbar/store-postgres'
import { eventually } from '@busbar/testkit'
import { testDatabase } from '../support/database.js'
import { sendingTransport } from '../support/fake-transport.js'
import { Placed } from '../support/shop.js'

const records = 50_000
await using database = await testDatabase()
if (database === undefined) throw new Error('this needs Postgres')
const { pool, outbox: table } = database
let arrived = 0
let onArrival = () => {}
const transport = sendingTransport(async sent => {
  arrived += sent.length
  onArrival()
})
const bus = createBus({ name: 'speed', transport, logger: silentLogger })
await bus.start()
const outbox = createOutbox({ bus, table })

// An old transaction: vacuum can remove nothing that is relayed from now on.
const old = await pool.connect()
await old.query('begin isolation level repeatable read; select txid_current()')

for (const keys of [records, 100, 1]) {
  arrived = 0
  const client = await pool.connect()
  const writing = performance.now()
  await client.query('begin')
  for (let n = 0; n < records; n++)
    await outbox.publish(client, Placed, { order: `key ${n % keys}`, text: 'x'.repeat(100) })
  await client.query('commit')
  client.release()
  const start = performance.now()
  await using _relay = outbox.relay({ pool })
  await eventually(
    () => {
      if (arrived < records) throw new Error(`${arrived} have arrived`)
    },
    { timeoutMs: 120_000 },
  )
  const perSecond = (ms: number) => `${Math.round(records / ms)} thousand a second`
  console.log(
    `${keys} keys: written by one client at ${perSecond(start - writing)}, relayed at ${perSecond(performance.now() - start)}`,
  )
}

const relay = outbox.relay({ pool, pollMs: 60_000 })
await eventually(() => {
  if (relay.status.slots < 32) throw new Error('no slots yet')
})
const delays: number[] = []
for (let n = 0; n < 200; n++) {
  const client = await pool.connect()
  await client.query('begin')
  await outbox.publish(client, Placed, { order: String(n), text: 'x' })
  const here = new Promise<void>(resolve => {
    onArrival = resolve
  })
  const start = performance.now()
  await client.query('commit')
  await here
  delays.push(performance.now() - start)
  client.release()
}
delays.sort((a, b) => a - b)
const at = (share: number) => `${delays[Math.floor(delays.length * share)]?.toFixed(1)} ms`
console.log(
  `from commit to publish, one at a time, in a table of ${3 * records} dead rows: median ${at(0.5)}, 99th percentile ${at(0.99)}`,
)
old.release(true)
await relay.close()
await bus.close()
