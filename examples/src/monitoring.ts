/** Metrics for Prometheus: what a bus counts, and an HTTP server that shows it. */
import { createServer } from 'node:http'
import { createBus, defineEvent, retry, silentLogger } from '@busbar/core'
import { metrics } from '@busbar/core/prometheus'
import { type OpenMetricsContentType, Registry } from 'prom-client'
import { eventually } from './support/eventually.js'
import { exampleTransport } from './support/transport.js'

const UserCreated = defineEvent<{ id: string; email: string }>('user.created', { topic: 'users' })

const register = new Registry()
const bus = createBus({ name: 'accounts', transport: exampleTransport(), logger: silentLogger })
bus.use(metrics(register))

bus.subscribe(UserCreated, { group: 'mailer', use: [retry({ attempts: 2, delayMs: 1 })] }, ({ email }) => {
  if (!email.includes('@')) throw new Error('no address')
})

const server = createServer((_, response) => {
  register.metrics().then(
    text => response.setHeader('content-type', register.contentType).end(text),
    (error: Error) => response.writeHead(500).end(error.message),
  )
}).listen(0, '127.0.0.1')

await bus.start()
await bus.publishBatch(UserCreated, [
  { id: '1', email: 'ada@example.com' },
  { id: '2', email: 'alan@example.com' },
  { id: '3', email: 'nowhere' },
])

const { port } = server.address() as { port: number }
const text = await eventually(
  async () => (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } })).text(),
  found => /outcome="done"\} 2$/m.test(found) && /outcome="dead-lettered"\} 1$/m.test(found),
)
const counters = /^busbar_(published|deliveries|retries|attempt_failures)_total\{.*/gm
for (const [line] of text.matchAll(counters)) console.log(line)
await bus.close()
server.close()

// The format that carries exemplars.
const openMetrics = new Registry<OpenMetricsContentType>()
openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
