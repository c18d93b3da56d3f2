import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { eventually } from '../support/eventually.js'
import { exampleTransport } from '../support/transport.js'

const OrderPlaced = defineEvent<{ id: string }>('order.placed', { key: order => order.id })
let release = () => {}
const released = new Promise<void>(resolve => {
  release = resolve
})

const bus = createBus({
  name: 'shop',
  transport: exampleTransport(),
  logger: silentLogger,
  // Longer than the slowest handler. Default: a minute.
  health: { stalledAfterMs: 200 },
})
bus.subscribe(OrderPlaced, () => released)
await bus.start()
await bus.publish(OrderPlaced, { id: '1' })

const { status, problems } = await eventually(
  () => bus.health(),
  health => health.status === 'red',
)
console.log(status)
for (const { kind, what, reason } of problems) {
  console.log(`${kind}: ${what}`)
  console.log(reason.replace(/for \d+ s/, 'for a while'))
}

release()
await eventually(
  () => bus.health(),
  health => health.status === 'green',
)
console.log('green again')

let isAway = true
const mailServer = {
  async ping() {
    if (isAway) throw new Error('nobody there')
  },
}

// It fails or gives a list of problems, empty while there are none.
const undo = bus.onHealth('mail server', async () => {
  await mailServer.ping()
  return []
})

for (const { kind, what, reason } of (await bus.health()).problems) console.log(`${kind}: ${what}: ${reason}`)
isAway = false
console.log((await bus.health()).status)
undo()

// What still works while it drains: publishes, requests and their replies.
await bus.drain({ timeoutMs: 5_000 })
console.log((await bus.health()).state)
await bus.close()
console.log((await bus.health()).state)
