// Two releases of a service at once, as in every rolling deploy: each reads what the other writes.
import { createBus, defineEvent } from '@busbar/core'
import { avro } from '@busbar/core/avro'
import { memoryRegistry } from '@busbar/schema-registry'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { print, printed } from '../support/sorted-output.js'

const UserV1 = defineEvent('user.created', {
  schema: avro({
    type: 'record',
    name: 'UserCreated',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'name', type: 'string' },
    ],
  }),
})

const UserV2 = defineEvent('user.created', {
  schema: avro({
    type: 'record',
    name: 'UserCreated',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'name', type: 'string' },
      { name: 'email', type: ['null', 'string'], default: null },
    ],
  }),
})

const broker = memoryBroker()
const registry = memoryRegistry({ autoRegister: true })

const old = createBus({ name: 'old', transport: memoryTransport({ broker }), registry })
old.subscribe(UserV1, user => print(`old: ${JSON.stringify(user)}`))

const current = createBus({ name: 'current', transport: memoryTransport({ broker }), registry })
current.subscribe(UserV2, user => print(`current: ${JSON.stringify(user)}`))

await Promise.all([old.start(), current.start()])
await old.publish(UserV1, { id: '1', name: 'Ada' })
await current.publish(UserV2, { id: '2', name: 'Grace', email: 'grace@example.com' })
await printed(4)
await old.close()
await current.close()
