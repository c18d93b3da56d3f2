import { createBus, defineEvent, retry, silentLogger } from '@busbar/core'
import { eventually } from '../support/eventually.js'
import { print, printed } from '../support/sorted-output.js'
import { exampleTransport } from '../support/transport.js'

const OrderPlaced = defineEvent<{ id: string; customer: string }>('order.placed', {
  topic: 'orders',
  key: order => order.customer,
})

const bus = createBus({ name: 'billing', transport: exampleTransport(), logger: silentLogger })
let isBankOpen = false
const charged: string[] = []

// Nothing said: five attempts with growing delays, then the dead-letter topic.
bus.subscribe(OrderPlaced, order => charge(order.id))

// Three attempts, a delay that doubles from 10 ms up to 50 ms, drawn evenly between 0 and its length.
bus.subscribe(
  OrderPlaced,
  { name: 'receipts', use: [retry({ attempts: 3, delayMs: 10, maxDelayMs: 50 })] },
  (order, context) => {
    if (context.attempt < 3) throw new Error('the printer is busy')
    print(`receipt for order ${order.id}, attempt ${context.attempt}`)
  },
)

// Nobody waits: the record moves to orders.billing.retry.1 and comes back when it is due, also after a restart.
bus.subscribe(
  OrderPlaced,
  { name: 'newsletter', use: [retry({ via: 'topic', attempts: 2, delayMs: 100 })] },
  (order, context) => {
    if (context.attempt === 1) throw new Error('the newsletter is asleep')
    print(`newsletter for order ${order.id}, from ${context.topic}`)
  },
)

// Only what `use` has, and no dead letter: the record comes again until it succeeds, and its key waits.
bus.subscribe(OrderPlaced, { name: 'audit', onFailure: 'hand-back' }, order =>
  print(`audited order ${order.id}`),
)

await bus.start()
await bus.publish(OrderPlaced, { id: '7', customer: 'ada' })

const deadLetters = bus.deadLetters()
const [letter] = await eventually(
  () => deadLetters.list({ event: 'order.placed' }),
  letters => letters.length > 0,
)
print(`dead letter: ${letter?.subscription} failed ${letter?.attempts} times: ${letter?.message}`)

isBankOpen = true
const { replayed } = await deadLetters.replay({ code: 'HANDLER_FAILED' }, { dryRun: true })
print(`would replay ${replayed}`)
await deadLetters.replay(
  { code: 'HANDLER_FAILED' },
  { perSecond: 50, onProgress: done => print(`replayed ${done.replayed}`) },
)
await eventually(
  () => charged,
  orders => orders.length > 0,
)
print(`charged order ${charged.join()}`)
await printed(7)
await bus.close()

function charge(order: string): void {
  if (!isBankOpen) throw new Error('the bank is closed')
  charged.push(order)
}
