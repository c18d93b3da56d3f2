// A service that is killed at a chosen point of its one delivery: node dying-service.js <url> <prefix> <point>
import { createBus, defineEvent, idempotent, type Middleware, silentLogger } from '@busbar/core'
import { redisStore } from '@busbar/store-redis'
import { memoryTransport } from '@busbar/transport-memory'
import { createClient } from 'redis'

const [url = '', prefix = '', point = ''] = process.argv.slice(2)

async function dieAt(here: string): Promise<void> {
  if (point !== here) return
  process.kill(process.pid, 'SIGKILL')
  await new Promise(() => {})
}

const redis = await createClient({ url }).connect()
const OrderPlaced = defineEvent<{ id: string }>('order.placed')
const bus = createBus({ name: 'shop', transport: memoryTransport(), logger: silentLogger })
const outside: Middleware = {
  name: 'outside',
  async record(_, next) {
    await dieAt('before the handler')
    await next()
    await dieAt('after the mark')
  },
}
const ended = new Promise<string>(resolve => bus.onDelivery(({ outcome }) => resolve(outcome)))
const once = idempotent(redisStore(redis, { prefix }), { leaseMs: 300 })
bus.subscribe(OrderPlaced, { use: [outside, once] }, async ({ id }) => {
  await dieAt('in the handler')
  await redis.incr(`${prefix}effects:${id}`)
  await dieAt('between effect and mark')
})
await bus.start()
await bus.publish(OrderPlaced, { id: '7' }, { id: 'the order' })
process.stdout.write(await ended)
await bus.close()
redis.destroy()
