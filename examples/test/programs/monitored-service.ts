/**
 * A service whose metrics are scraped: `shop` publishes orders and asks for prices; instances of `mailer` handle the orders, some
 * of them in vain. Its parent tells it to `hang` and to `go on`; it ends with its parent.
 */
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { BusbarError, createBus, defineEvent, defineRequest, retry, silentLogger } from '@busbar/core'
import { metrics } from '@busbar/core/prometheus'
import { kafkaTransport } from '@busbar/transport-kafka'
import { type OpenMetricsContentType, Registry } from 'prom-client'

export interface MonitoredServiceOptions {
  readonly role: 'shop' | 'mailer'
  readonly brokers: readonly string[]
  /** Where `/metrics` is. */
  readonly port: number
  /** Before the names of topics and groups. */
  readonly prefix: string
  /** Orders that the shop publishes in a second. */
  readonly perSecond: number
}

interface Order {
  readonly id: string
  readonly customer: string
}

const { role, brokers, port, prefix, perSecond } = JSON.parse(
  process.argv[2] ?? '{}',
) as MonitoredServiceOptions
const register = new Registry<OpenMetricsContentType>()
register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
const OrderPlaced = defineEvent<Order>('order.placed', {
  topic: `${prefix}orders`,
  key: order => order.customer,
})
const GetPrice = defineRequest<Order, number>('price.get', { topic: `${prefix}prices` })
const bus = createBus({
  name: role,
  transport: kafkaTransport({ brokers: [...brokers], consumer: { sessionTimeout: 6_000 } }),
  requests: { replyTopic: `${prefix}replies` },
  logger: silentLogger,
})
bus.use(metrics(register))

let hanging: Promise<void> | undefined
let goOn = () => {}
process.on('message', message => {
  if (message === 'hang')
    hanging = new Promise(resolve => {
      goOn = resolve
    })
  if (message === 'go on') {
    hanging = undefined
    goOn()
  }
})
process.once('disconnect', () => process.exit())

/** The same for an order whenever it comes, so that what fails for good does. */
const isOneIn = (count: number, { id }: Order) => Number(id) % count === 0

if (role === 'mailer') {
  const mail = async (order: Order, attempt: number) => {
    await hanging
    await sleep(5 + Math.random() * 60)
    if (isOneIn(50, order)) throw new BusbarError('DECODE_FAILED', 'the address cannot be read')
    if (isOneIn(9, order) && attempt === 1) throw new Error('the mail server is busy')
  }
  bus.subscribe(
    OrderPlaced,
    { group: `${prefix}mailer`, use: [retry({ attempts: 3, delayMs: 100 })] },
    (order, { attempt }) => mail(order, attempt),
  )
  bus.subscribe(OrderPlaced, { group: `${prefix}stats` }, () => sleep(2 + Math.random() * 8))
  bus.reply(GetPrice, { group: `${prefix}prices` }, async order => {
    await sleep(1 + Math.random() * 20)
    if (isOneIn(20, order)) throw new Error('no price')
    return 42
  })
}

const server = createServer((_, response) => {
  register.metrics().then(
    text => response.setHeader('content-type', register.contentType).end(text),
    (error: Error) => response.writeHead(500).end(error.message),
  )
}).listen(port, '127.0.0.1')

await bus.start()
process.send?.('started')
for (let id = 1; role === 'shop'; id++) {
  await sleep((1_000 / perSecond) * Math.random() * 2)
  const order = { id: String(id), customer: `customer-${id % 40}` }
  // Some have headers that no broker gets.
  const headers = isOneIn(29, order) ? { ce_id: 'mine' } : { traceparent: traceOf(id) }
  bus.publish(OrderPlaced, order, { headers }).catch(() => {})
  if (isOneIn(4, order)) bus.request(GetPrice, order, { timeoutMs: 2_000 }).catch(() => {})
}
server.unref()

function traceOf(id: number): string {
  return `00-${id.toString(16).padStart(32, '0')}-${id.toString(16).padStart(16, '0')}-01`
}
