import { createBus, createContextKey, defineEvent, type Middleware } from '@busbar/core'
import { exampleTransport } from '../support/transport.js'

const tenant = createContextKey('tenant', 'nobody')

const tenants: Middleware = {
  name: 'tenants',
  // Around every publish of the bus: headers can be added.
  publish: (context, next) => {
    context.headers['tenant'] = 'north'
    return next()
  },
  // Around every delivery, before its bytes are decoded.
  record: async (context, next) => {
    context.values.set(tenant, context.headers.get('tenant') ?? 'nobody')
    await next()
  },
}

const Ping = defineEvent<{ text: string }>('ping')
const bus = createBus({ name: 'pinger', transport: exampleTransport() })
const done = deferred()

bus.use(tenants)
bus.subscribe(
  Ping,
  {
    // A plain function is a middleware around the handler, with the decoded payload.
    use: [
      async (context, next) => {
        console.log(`before ${context.event}`)
        await next()
        console.log('after')
        done.resolve()
      },
    ],
  },
  (ping, context) => console.log(`${ping.text} for ${context.values.get(tenant)}`),
)
await bus.start()
await bus.publish(Ping, { text: 'hello' })
await done.promise
await bus.close()

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>(onResolve => {
    resolve = onResolve
  })
  return { promise, resolve }
}
