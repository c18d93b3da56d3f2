import { createBus, defineEvent } from '@busbar/core'
import { print, printed } from '../support/sorted-output.js'
import { exampleTransport } from '../support/transport.js'

const Customer = defineEvent<{ id: string; name: string }>('customer', {
  topic: { name: 'customers', partitions: 3, config: { 'cleanup.policy': 'compact' } },
  key: customer => customer.id,
})
const Ordered = defineEvent<{ customer: string; cents: number }>('ordered', {
  topic: { name: 'orders', partitions: 3 },
  key: order => order.customer,
})

const bus = createBus({ name: 'shop', transport: exampleTransport() })

const customers = bus.table(Customer)
bus
  .stream(Ordered)
  .keyed()
  .leftJoin(
    customers,
    (order, customer) => `${customer?.name ?? 'somebody'} ordered for ${order.cents / 100}`,
  )
  .forEach(print)

await bus.start()
await bus.publish(Customer, { id: 'c1', name: 'Ada' })
await bus.publish(Customer, { id: 'c1', name: 'Ada Lovelace' })
await customers.ready
while ((await customers.get('c1'))?.name !== 'Ada Lovelace') await new Promise(go => setTimeout(go, 5))
await bus.publish(Ordered, { customer: 'c1', cents: 1_250 })
await bus.publish(Ordered, { customer: 'c2', cents: 300 })
await printed(2)
await bus.close()
