import { createBus, defineEvent } from '@busbar/core'
import { map } from 'rxjs'
import { print, printed } from '../support/sorted-output.js'
import { exampleTransport } from '../support/transport.js'

const Paid = defineEvent<{ account: string; cents: number }>('paid', { key: paid => paid.account })
const Booked = defineEvent<{ account: string; euros: number }>('booked', { key: booked => booked.account })

const bus = createBus({ name: 'ledger', transport: exampleTransport() })

bus.pipe(
  Paid,
  { exactlyOnce: true },
  paid$ => paid$.pipe(map(({ account, cents }) => ({ account, euros: cents / 100 }))),
  Booked,
)
bus.subscribe(Booked, { group: 'report' }, ({ account, euros }) => print(`${account}: ${euros} €`))

await bus.start()
await bus.publish(Paid, { account: 'a', cents: 1_999 })
await bus.publish(Paid, { account: 'b', cents: 500 })
await printed(2)
await bus.close()
