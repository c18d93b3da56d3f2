import { createBus, defineEvent, type EventPayload } from '@busbar/core'
import { z } from 'zod'
import { print, printed } from '../support/sorted-output.js'
import { exampleTransport } from '../support/transport.js'

export const OrderPlaced = defineEvent('order.placed', {
  topic: 'orders', // default: the event's own name
  schema: z.object({
    id: z.string(),
    customer: z.string(),
    cents: z.int(),
    currency: z.string().default('EUR'),
  }),
  key: order => order.customer, // all orders of one customer stay in order
})
export type OrderPlaced = EventPayload<typeof OrderPlaced> // what handlers get: currency is always there

const bus = createBus({ name: 'shop', transport: exampleTransport() })

// Instances of a group share the work; each group gets every event.
bus.subscribe(OrderPlaced, { group: 'billing' }, async (order, context) => {
  await charge(order.customer, order.cents, order.currency, context.signal)
})

// A second handler in the same group needs a name of its own, and fails and comes again on its own.
bus.subscribe(OrderPlaced, { group: 'billing', name: 'receipts' }, order =>
  print(`receipt for order ${order.id}`),
)

// Many records a call, each with an outcome of its own.
bus.subscribeBatch(OrderPlaced, { group: 'warehouse', maxSize: 500, maxWaitMs: 20 }, batch => {
  for (const { payload: order, fail } of batch) {
    if (order.cents > 0) print(`packed order ${order.id}`)
    else fail(new Error('an order of nothing'))
  }
})

// A broadcast: this instance gets everything published from now on, and keeps no position.
bus.subscribe(OrderPlaced, { group: false }, order => print(`live: order ${order.id}`))

await bus.start()
await bus.publish(OrderPlaced, { id: '1', customer: 'ada', cents: 1_250 }, { headers: { tenant: 'north' } })
await bus.publishBatch(OrderPlaced, [
  { id: '2', customer: 'ada', cents: 300 },
  { id: '3', customer: 'ada', cents: 90, currency: 'USD' },
])

await printed(12)
await bus.close()

async function charge(
  customer: string,
  cents: number,
  currency: string,
  _signal: AbortSignal,
): Promise<void> {
  print(`charged ${customer} ${cents / 100} ${currency}`)
}
