// A worker without a server: handles an event, and lets its handler finish when it is told to end.
import { closeOnSignals, createBus, defineEvent } from '@busbar/core'
import { memoryTransport } from '@busbar/transport-memory'

const OrderPlaced = defineEvent<{ id: string }>('order.placed')
const bus = createBus({ name: 'billing', transport: memoryTransport() })
bus.subscribe(OrderPlaced, async order => {
  console.log(`charging ${order.id}`)
  await new Promise(resolve => setTimeout(resolve, 300))
  console.log(`charged ${order.id}`)
})

await bus.start()
closeOnSignals(bus, { logger: bus.logger })

await bus.publish(OrderPlaced, { id: '7' })
