import { createBus, defineEvent } from '@busbar/core'
import { exampleTransport } from '../support/transport.js'

const Task = defineEvent<{ title: string }>('task')
const bus = createBus({ name: 'worker', transport: exampleTransport() })
await bus.start()
for (const title of ['wash', 'dry', 'fold']) await bus.publish(Task, { title }, { key: 'laundry' })

// One record after the other; asking for the next one acknowledges the one before.
for await (const task of bus.stream(Task)) {
  console.log(task.title)
  if (task.title === 'fold') break // the record at which a loop ends comes again
}
await bus.close()
