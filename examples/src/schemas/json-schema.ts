import { createBus, defineEvent } from '@busbar/core'
import { jsonSchema } from '@busbar/core/json-schema'
import { print, printed } from '../support/sorted-output.js'
import { exampleTransport } from '../support/transport.js'

export const ParcelSent = defineEvent('parcel.sent', {
  schema: jsonSchema({
    type: 'object',
    properties: {
      id: { type: 'string' },
      grams: { type: 'integer', minimum: 1 },
      carrier: { enum: ['post', 'courier'], default: 'post' },
    },
    required: ['id', 'grams'],
    additionalProperties: false,
  }),
})

const bus = createBus({ name: 'warehouse', transport: exampleTransport() })
bus.subscribe(ParcelSent, ({ id, grams, carrier }) => print(`${id}: ${grams} g by ${carrier}`))
await bus.start()
await bus.publish(ParcelSent, { id: 'p1', grams: 250 })
await bus.publish(ParcelSent, { id: 'p2', grams: 0 }).catch((error: Error) => print(error.message))
await printed(2)
await bus.close()
