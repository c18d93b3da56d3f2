import {
  circuitBreaker,
  concurrency,
  createBus,
  deadLetter,
  defineEvent,
  filter,
  idempotent,
  retry,
  silentLogger,
  throttle,
  timeout,
} from '@busbar/core'
import { eventually } from '../support/eventually.js'
import { mapStore } from '../support/map-store.js'
import { exampleTransport } from '../support/transport.js'

interface Payment {
  readonly order: string
  readonly cents: number
}
const PaymentMade = defineEvent<Payment>('payment.made', { topic: 'payments', key: payment => payment.order })

const bus = createBus({ name: 'ledger', transport: exampleTransport(), logger: silentLogger })
const store = mapStore()
const booked: string[] = []

// Each event once for this subscription, however often it comes; its key is the event's id.
bus.subscribe(
  PaymentMade,
  { use: [idempotent(store)] },
  payment => void booked.push(`${payment.order}: ${payment.cents}`),
)

// One order is thanked for once, by a key of one's own.
const oncePerOrder = idempotent<Payment>(store, { key: payment => payment.order, ttlMs: 86_400_000 })
bus.subscribe(
  PaymentMade,
  { name: 'thanks', use: [oncePerOrder] },
  payment => void booked.push(`thanks for ${payment.order}`),
)

// All stages there are, in the only order that is accepted.
bus.subscribe(
  PaymentMade,
  {
    name: 'exports',
    use: [
      deadLetter(),
      retry({ attempts: 5 }),
      circuitBreaker({ failures: 5, openMs: 10_000 }),
      throttle({ limit: 100, perMs: 1_000 }),
      concurrency(10),
      filter<Payment>(payment => payment.cents > 0),
      idempotent(store),
      timeout(2_000),
    ],
  },
  (payment, context) => exportTo('https://ledger.example', payment, context.signal),
)

const outcomes: string[] = []
bus.onDelivery(({ subscription, outcome }) => outcomes.push(`${subscription} ${outcome}`))

await bus.start()
await bus.publish(PaymentMade, { order: '7', cents: 500 }, { id: 'payment-1' })
await bus.publish(PaymentMade, { order: '7', cents: 500 }, { id: 'payment-1' })
await bus.publish(PaymentMade, { order: '7', cents: 250 }, { id: 'payment-2' })
await bus.publish(PaymentMade, { order: '7', cents: 100 }, { id: 'payment-3', delayMs: 50 })

await eventually(
  () => outcomes,
  found => found.length === 12,
)
for (const line of [...booked.sort(), ...outcomes.sort()]) console.log(line)
await bus.close()

function exportTo(_url: string, _payment: Payment, _signal: AbortSignal): void {}
