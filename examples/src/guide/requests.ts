import { BusbarError, createBus, defineError, defineRequest } from '@busbar/core'
import { z } from 'zod'
import { exampleTransport } from '../support/transport.js'

const OutOfStock = defineError('OutOfStock', { data: z.object({ left: z.int() }) })
const Reserve = defineRequest('stock.reserve', {
  request: z.object({ sku: z.string(), count: z.int() }),
  reply: z.object({ reservation: z.string() }),
  errors: { OutOfStock },
})

const bus = createBus({ name: 'warehouse', transport: exampleTransport() })

bus.reply(Reserve, ({ sku, count }) => {
  if (count > 3) throw new OutOfStock({ left: 3 })
  return { reservation: `${count} x ${sku}` }
})
await bus.start()

const { reservation } = await bus.request(Reserve, { sku: 'lamp', count: 2 }, { timeoutMs: 2_000 })
console.log(`reserved ${reservation}`)

try {
  await bus.request(Reserve, { sku: 'lamp', count: 9 })
} catch (error) {
  if (error instanceof OutOfStock) console.log(`only ${error.data.left} left`)
  else if (error instanceof BusbarError && error.code === 'REQUEST_TIMEOUT')
    console.log('nobody answered in time')
  else throw error
}

// Every group that answers, until two did or the time is over.
const outcomes = bus.requestMany(Reserve, { sku: 'lamp', count: 1 }, { timeoutMs: 1_000, count: 1 })
await outcomes.forEach(outcome => {
  console.log(outcome.ok ? `also ${outcome.reply.reservation}` : outcome.error.message)
})

await bus.close()
