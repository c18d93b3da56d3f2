import { createBus, defineEvent } from '@busbar/core'
import { exampleTransport } from '../support/transport.js'

const Reminder = defineEvent<{ text: string }>('reminder')
const bus = createBus({ name: 'reminders', transport: exampleTransport() })
const texts: string[] = []
let finish = () => {}
const finished = new Promise<void>(resolve => {
  finish = resolve
})

bus.subscribe(Reminder, ({ text }) => {
  texts.push(text)
  if (texts.length === 3) finish()
})
await bus.start()

await bus.publish(Reminder, { text: 'in a second' }, { delayMs: 1_000 })
await bus.publish(Reminder, { text: 'soon' }, { delayMs: 300 })
await bus.publish(Reminder, { text: 'now' })

await finished
for (const text of texts) console.log(text)
await bus.close()
