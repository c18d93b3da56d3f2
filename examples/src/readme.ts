import { createBus, defineEvent } from '@busbar/core'
import { memoryTransport } from '@busbar/transport-memory'

const UserCreated = defineEvent<{ id: string; email: string }>('user.created', { key: user => user.id })
const bus = createBus({ name: 'accounts', transport: memoryTransport() })
bus.subscribe(UserCreated, { group: 'mailer' }, user => console.log(`welcome, ${user.email}`))
await bus.start()
await bus.publish(UserCreated, { id: '1', email: 'ada@example.com' })
