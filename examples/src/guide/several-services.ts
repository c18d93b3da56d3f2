import { createBus, defineEvent } from '@busbar/core'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'

// Two services in one process, over one in-memory broker: what a test of both needs.
const broker = memoryBroker()
const shop = createBus({ name: 'shop', transport: memoryTransport({ broker }) })
const mailer = createBus({ name: 'mailer', transport: memoryTransport({ broker }) })

const OrderPlaced = defineEvent<{ id: string }>('order.placed')
const mailed = new Promise<string>(resolve => {
  mailer.subscribe(OrderPlaced, order => resolve(order.id))
})

await Promise.all([shop.start(), mailer.start()])
await shop.publish(OrderPlaced, { id: '7' })
console.log(`mailed order ${await mailed}`)
await Promise.all([shop.close(), mailer.close()])
