import { createBus, defineEvent, type EventInput, type EventPayload } from '@busbar/core'
import { avro } from '@busbar/core/avro'
import { print, printed } from '../support/sorted-output.js'
import { exampleTransport } from '../support/transport.js'

export const Address = avro({
  type: 'record',
  name: 'Address',
  namespace: 'shop',
  fields: [
    { name: 'street', type: 'string' },
    { name: 'country', type: 'string', default: 'SE' },
  ],
})

export const OrderPlaced = defineEvent('order.placed', {
  topic: 'orders',
  schema: avro({
    type: 'record',
    name: 'OrderPlaced',
    namespace: 'shop',
    fields: [
      { name: 'id', type: { type: 'string', logicalType: 'uuid' } },
      { name: 'total', type: { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 } },
      { name: 'placedAt', type: { type: 'long', logicalType: 'timestamp-millis' } },
      { name: 'status', type: { type: 'enum', name: 'Status', symbols: ['new', 'paid'] }, default: 'new' },
      { name: 'address', type: Address }, // a codec stands for its schema
      { name: 'note', type: ['null', 'string'], default: null },
    ],
  }),
  key: order => order.id,
})

export type OrderPlaced = EventPayload<typeof OrderPlaced> // { id: string; total: string; placedAt: Date; … }
export type NewOrder = EventInput<typeof OrderPlaced> // the same, where fields with a default may be left out

const bus = createBus({ name: 'shop', transport: exampleTransport() })
bus.subscribe(OrderPlaced, { group: 'billing' }, order => print(describe(order)))
await bus.start()
await bus.publish(OrderPlaced, {
  id: '6f1f3c3e-4f6b-4c53-9d2a-6d1f0a7f2c11',
  total: '12.50',
  placedAt: new Date('2026-01-31T10:00:00Z'),
  address: { street: 'Kungsgatan 1' },
})
await printed(1)
await bus.close()

function describe({ total, address, placedAt, status }: OrderPlaced): string {
  return `${total} from ${address.country} at ${placedAt.toISOString()}, ${status}`
}
